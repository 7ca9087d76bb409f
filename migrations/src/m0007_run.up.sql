ALTER TABLE jobs ADD COLUMN sweep_id {UUID};
ALTER TABLE jobs ADD COLUMN schedule_id {UUID};
ALTER TABLE jobs ADD COLUMN labels {TEXT} NOT NULL DEFAULT '[]';
ALTER TABLE jobs ADD COLUMN claimed_at BIGINT;
CREATE INDEX jobs_sweep ON jobs (sweep_id, id) WHERE sweep_id IS NOT NULL;
CREATE INDEX jobs_schedule ON jobs (schedule_id, id) WHERE schedule_id IS NOT NULL;
CREATE INDEX jobs_dataset ON jobs (dataset_version_id, id);
CREATE INDEX jobs_version ON jobs (version_row) WHERE version_row IS NOT NULL;
CREATE INDEX jobs_turn ON jobs (project_id, priority DESC, id) WHERE status IN (0, 1);
CREATE INDEX jobs_running ON jobs (project_id) WHERE status = 1;
DROP INDEX jobs_queue;

ALTER TABLE runners ADD COLUMN capacity INTEGER NOT NULL DEFAULT 1;
ALTER TABLE runners ADD COLUMN draining BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE runners ADD COLUMN started_at BIGINT NOT NULL DEFAULT 0;

CREATE TABLE job_labels (
    job_id {UUID} NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    label {TEXT} NOT NULL,
    PRIMARY KEY (job_id, label)
) {WITHOUT_ROWID};

CREATE TABLE job_attempts (
    job_id {UUID} NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    runner_id {UUID} REFERENCES runners (id) ON DELETE SET NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    status SMALLINT NOT NULL,
    error_code {TEXT},
    error_message {TEXT},
    error_retryable BOOLEAN,
    log_lines BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (job_id, number)
) {WITHOUT_ROWID};

CREATE TABLE job_logs (
    job_id {UUID} NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    attempt INTEGER NOT NULL,
    line BIGINT NOT NULL,
    at BIGINT NOT NULL,
    level SMALLINT NOT NULL,
    message {TEXT} NOT NULL,
    PRIMARY KEY (job_id, attempt, line)
) {WITHOUT_ROWID};

CREATE TABLE job_metrics (
    job_id {UUID} NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    attempt INTEGER NOT NULL,
    key {TEXT} NOT NULL,
    step BIGINT NOT NULL,
    at BIGINT NOT NULL,
    value {DOUBLE},
    PRIMARY KEY (job_id, attempt, key, step)
) {WITHOUT_ROWID};
