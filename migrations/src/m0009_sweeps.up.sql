CREATE TABLE sweeps (
    id {UUID} PRIMARY KEY,
    project_id {UUID} NOT NULL REFERENCES projects (id),
    name {TEXT} NOT NULL,
    status SMALLINT NOT NULL,
    plan {TEXT} NOT NULL,
    metric {TEXT} NOT NULL,
    direction SMALLINT NOT NULL,
    deadline BIGINT,
    ending SMALLINT,
    end_code {TEXT},
    end_message {TEXT},
    promotions {TEXT} NOT NULL,
    created_by {UUID} NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX sweeps_project ON sweeps (project_id, id);
CREATE INDEX sweeps_open ON sweeps (id) WHERE status = 0;
CREATE INDEX sweeps_finished ON sweeps (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE trials (
    sweep_id {UUID} NOT NULL REFERENCES sweeps (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    configuration INTEGER NOT NULL,
    rung INTEGER NOT NULL,
    place INTEGER NOT NULL,
    detector INTEGER NOT NULL,
    hyperparameters {TEXT} NOT NULL,
    status SMALLINT NOT NULL,
    job_id {UUID} REFERENCES jobs (id) ON DELETE SET NULL,
    version_row BIGINT,
    score {DOUBLE},
    finished_at BIGINT,
    error_code {TEXT},
    error_message {TEXT},
    PRIMARY KEY (sweep_id, number)
) {WITHOUT_ROWID};
CREATE INDEX trials_at_work ON trials (sweep_id, job_id) WHERE status = 0;
CREATE INDEX trials_job ON trials (job_id) WHERE job_id IS NOT NULL;
