CREATE TABLE version_maps (
    version_row {ROW_REFERENCE} REFERENCES versions (row_id) ON DELETE CASCADE,
    hyperparameters {TEXT},
    parameters {TEXT},
    metrics {TEXT}
);

ALTER TABLE version_tags ADD COLUMN name_id BIGINT NOT NULL DEFAULT 0;
INSERT INTO keys (kind, name) SELECT DISTINCT 3, name FROM tags;
UPDATE version_tags SET name_id = (
    SELECT k.id FROM tags t JOIN keys k ON k.kind = 3 AND k.name = t.name WHERE t.id = version_tags.tag_id
);
CREATE INDEX version_tags_name ON version_tags (name_id, version_row);

DROP INDEX hyperparameters_project;
CREATE INDEX metrics_project_best ON metrics (project_row, key_id, best, version_row);

DROP INDEX models_by_name;
CREATE INDEX models_by_name ON models (name, id);
{MODEL_TRIGRAMS};
