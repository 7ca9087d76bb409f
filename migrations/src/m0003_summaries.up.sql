ALTER TABLE hyperparameters ADD COLUMN audience BIGINT NOT NULL DEFAULT 0;
ALTER TABLE parameters ADD COLUMN audience BIGINT NOT NULL DEFAULT 0;
ALTER TABLE metrics ADD COLUMN audience BIGINT NOT NULL DEFAULT 0;
ALTER TABLE version_tags ADD COLUMN audience BIGINT NOT NULL DEFAULT 0;
CREATE INDEX hyperparameters_audience ON hyperparameters (project_row, audience, key_id);
CREATE INDEX parameters_audience ON parameters (project_row, audience, key_id);
CREATE INDEX metrics_audience ON metrics (project_row, audience, key_id);
CREATE INDEX version_tags_audience ON version_tags (tag_id, audience);
CREATE INDEX versions_public_author ON versions (project_row, created_by)
    WHERE deleted_at IS NULL AND visibility = 0;
CREATE INDEX versions_public_branch ON versions (project_row, git_branch)
    WHERE deleted_at IS NULL AND visibility = 0 AND git_branch IS NOT NULL;
CREATE INDEX versions_public_model ON versions (model_id)
    WHERE deleted_at IS NULL AND visibility = 0;
CREATE INDEX versions_private_author ON versions (project_row, created_by)
    WHERE deleted_at IS NULL AND visibility = 1;
CREATE INDEX versions_private_branch ON versions (project_row, created_by, git_branch)
    WHERE deleted_at IS NULL AND visibility = 1 AND git_branch IS NOT NULL;
CREATE INDEX versions_private_model ON versions (model_id, created_by)
    WHERE deleted_at IS NULL AND visibility = 1;
