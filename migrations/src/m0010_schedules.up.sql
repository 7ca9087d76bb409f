CREATE TABLE schedules (
    id {UUID} PRIMARY KEY,
    project_id {UUID} NOT NULL REFERENCES projects (id),
    name {TEXT} NOT NULL,
    state SMALLINT NOT NULL,
    suspended_because {TEXT},
    task {TEXT} NOT NULL,
    trigger_rule {TEXT} NOT NULL,
    promote {TEXT},
    revision BIGINT NOT NULL,
    next_fire_at BIGINT,
    dataset_id {UUID} REFERENCES datasets (id),
    seen_number BIGINT,
    watches BOOLEAN NOT NULL,
    armed BOOLEAN NOT NULL,
    watched_row BIGINT,
    last_fired_at BIGINT,
    owner_id {UUID} NOT NULL REFERENCES users (id),
    created_by {UUID} NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);
CREATE UNIQUE INDEX schedules_name ON schedules (project_id, name) WHERE deleted_at IS NULL;
CREATE INDEX schedules_due ON schedules (next_fire_at) WHERE next_fire_at IS NOT NULL;
CREATE INDEX schedules_dataset ON schedules (dataset_id) WHERE dataset_id IS NOT NULL;
CREATE INDEX schedules_watching ON schedules (project_id, id) WHERE watches;

CREATE TABLE promotions (
    id {UUID} PRIMARY KEY,
    project_id {UUID} NOT NULL REFERENCES projects (id),
    model_id {UUID} NOT NULL REFERENCES models (id),
    alias {TEXT} NOT NULL,
    metric {TEXT} NOT NULL,
    direction SMALLINT NOT NULL,
    min_improvement {DOUBLE} NOT NULL,
    dataset_version_id {UUID} NOT NULL REFERENCES dataset_versions (id),
    evaluated BOOLEAN NOT NULL,
    candidate_row BIGINT NOT NULL REFERENCES versions (row_id),
    incumbent_row BIGINT REFERENCES versions (row_id),
    candidate_job {UUID} REFERENCES jobs (id),
    incumbent_job {UUID} REFERENCES jobs (id),
    candidate_value {DOUBLE},
    incumbent_value {DOUBLE},
    state SMALLINT NOT NULL,
    reason {TEXT} NOT NULL,
    rounds INTEGER NOT NULL,
    schedule_id {UUID} REFERENCES schedules (id),
    owner_id {UUID} NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    decided_at BIGINT
);
CREATE INDEX promotions_open ON promotions (id) WHERE state = 0;
CREATE INDEX promotions_candidate ON promotions (candidate_row, id);
CREATE INDEX promotions_model ON promotions (model_id, id);

CREATE TABLE schedule_runs (
    id {UUID} PRIMARY KEY,
    schedule_id {UUID} NOT NULL REFERENCES schedules (id),
    project_id {UUID} NOT NULL REFERENCES projects (id),
    state SMALLINT NOT NULL,
    cause {TEXT} NOT NULL,
    times BIGINT NOT NULL,
    job_id {UUID} REFERENCES jobs (id),
    promotion_id {UUID} REFERENCES promotions (id),
    error_code {TEXT},
    error_message {TEXT},
    fired_at BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX schedule_runs_schedule ON schedule_runs (schedule_id, id);
CREATE UNIQUE INDEX schedule_runs_open ON schedule_runs (schedule_id) WHERE state IN (0, 1);
CREATE INDEX schedule_runs_promotion ON schedule_runs (promotion_id) WHERE promotion_id IS NOT NULL;

ALTER TABLE alias_moves ADD COLUMN promotion_id {UUID};
