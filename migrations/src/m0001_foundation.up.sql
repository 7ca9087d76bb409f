CREATE TABLE users (
    id {UUID} PRIMARY KEY,
    login {TEXT} NOT NULL UNIQUE,
    email {TEXT} UNIQUE,
    full_name {TEXT},
    password_hash {TEXT},
    is_admin BOOLEAN NOT NULL,
    is_service BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    disabled_at BIGINT
);

CREATE TABLE refresh_tokens (
    id {UUID} PRIMARY KEY,
    family {UUID} NOT NULL,
    user_id {UUID} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash {TEXT} NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family);
CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id);

CREATE TABLE api_tokens (
    id {UUID} PRIMARY KEY,
    user_id {UUID} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name {TEXT} NOT NULL,
    prefix {TEXT} NOT NULL,
    token_hash {TEXT} NOT NULL UNIQUE,
    scopes {TEXT} NOT NULL,
    created_by {UUID} NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX api_tokens_user ON api_tokens (user_id, id);

CREATE TABLE workspaces (
    id {UUID} PRIMARY KEY,
    name {TEXT} NOT NULL,
    description {TEXT} NOT NULL,
    created_by {UUID} NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);
CREATE UNIQUE INDEX workspaces_name ON workspaces (name) WHERE deleted_at IS NULL;

CREATE TABLE projects (
    row_id {ROW_ID},
    id {UUID} NOT NULL UNIQUE,
    workspace_id {UUID} NOT NULL REFERENCES workspaces (id),
    name {TEXT} NOT NULL,
    description {TEXT} NOT NULL,
    git_url {TEXT},
    created_by {UUID} NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);
CREATE UNIQUE INDEX projects_name ON projects (workspace_id, name) WHERE deleted_at IS NULL;

CREATE TABLE memberships (
    id {UUID} PRIMARY KEY,
    user_id {UUID} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    workspace_id {UUID} REFERENCES workspaces (id),
    project_id {UUID} REFERENCES projects (id),
    role SMALLINT NOT NULL,
    created_by {UUID} NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CHECK ((workspace_id IS NULL) <> (project_id IS NULL))
);
CREATE UNIQUE INDEX memberships_workspace ON memberships (workspace_id, user_id) WHERE workspace_id IS NOT NULL;
CREATE UNIQUE INDEX memberships_project ON memberships (project_id, user_id) WHERE project_id IS NOT NULL;
CREATE INDEX memberships_user ON memberships (user_id);

CREATE VIEW project_access AS
SELECT user_id, project_row, MAX(role) AS role
FROM (
    SELECT m.user_id AS user_id, p.row_id AS project_row, m.role AS role
    FROM memberships m
    JOIN projects p ON p.workspace_id = m.workspace_id
    JOIN workspaces w ON w.id = p.workspace_id
    WHERE p.deleted_at IS NULL AND w.deleted_at IS NULL
    UNION ALL
    SELECT m.user_id, p.row_id, m.role
    FROM memberships m
    JOIN projects p ON p.id = m.project_id
    JOIN workspaces w ON w.id = p.workspace_id
    WHERE p.deleted_at IS NULL AND w.deleted_at IS NULL
) AS granted
GROUP BY user_id, project_row;

CREATE TABLE blobs (
    sha256 {TEXT} PRIMARY KEY,
    size BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE uploads (
    id {UUID} PRIMARY KEY,
    project_id {UUID} NOT NULL REFERENCES projects (id),
    job_id {UUID},
    created_by {UUID} NOT NULL REFERENCES users (id),
    file_name {TEXT} NOT NULL,
    size BIGINT NOT NULL,
    sha256 {TEXT} REFERENCES blobs (sha256),
    expected_sha256 {TEXT},
    status SMALLINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    completed_at BIGINT
);
CREATE INDEX uploads_pending ON uploads (expires_at) WHERE status = 0;
CREATE INDEX uploads_blob ON uploads (sha256);

CREATE TABLE datasets (
    id {UUID} PRIMARY KEY,
    project_id {UUID} NOT NULL REFERENCES projects (id),
    name {TEXT} NOT NULL,
    description {TEXT} NOT NULL,
    next_number BIGINT NOT NULL,
    created_by {UUID} NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);
CREATE UNIQUE INDEX datasets_name ON datasets (project_id, name) WHERE deleted_at IS NULL;

CREATE TABLE dataset_versions (
    id {UUID} PRIMARY KEY,
    dataset_id {UUID} NOT NULL REFERENCES datasets (id),
    number BIGINT NOT NULL,
    sha256 {TEXT} NOT NULL REFERENCES blobs (sha256),
    size BIGINT NOT NULL,
    format {TEXT} NOT NULL,
    row_count BIGINT NOT NULL,
    columns {TEXT} NOT NULL,
    time_column {TEXT},
    label_column {TEXT},
    anomaly_count BIGINT,
    created_by {UUID} NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    UNIQUE (dataset_id, number)
);
CREATE INDEX dataset_versions_blob ON dataset_versions (sha256);

CREATE TABLE detectors (
    id {UUID} PRIMARY KEY,
    name {TEXT} NOT NULL,
    version {TEXT} NOT NULL,
    title {TEXT} NOT NULL,
    summary {TEXT} NOT NULL,
    description {TEXT} NOT NULL,
    input_kind SMALLINT NOT NULL,
    hyperparameter_schema {TEXT} NOT NULL,
    registered_by {UUID} NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (name, version)
);

CREATE TABLE runners (
    id {UUID} PRIMARY KEY,
    name {TEXT} NOT NULL,
    user_id {UUID} NOT NULL REFERENCES users (id),
    labels {TEXT} NOT NULL,
    registered_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    UNIQUE (user_id, name)
);

CREATE TABLE runner_detectors (
    runner_id {UUID} NOT NULL REFERENCES runners (id) ON DELETE CASCADE,
    detector_id {UUID} NOT NULL REFERENCES detectors (id) ON DELETE CASCADE,
    PRIMARY KEY (runner_id, detector_id)
);
CREATE INDEX runner_detectors_detector ON runner_detectors (detector_id);

CREATE TABLE models (
    id {UUID} PRIMARY KEY,
    project_id {UUID} NOT NULL REFERENCES projects (id),
    name {TEXT} NOT NULL,
    description {TEXT} NOT NULL,
    next_number BIGINT NOT NULL,
    created_by {UUID} NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);
CREATE UNIQUE INDEX models_name ON models (project_id, name) WHERE deleted_at IS NULL;
CREATE INDEX models_by_name ON models (name);

CREATE TABLE jobs (
    id {UUID} PRIMARY KEY,
    project_id {UUID} NOT NULL REFERENCES projects (id),
    kind SMALLINT NOT NULL,
    status SMALLINT NOT NULL,
    priority INTEGER NOT NULL,
    detector_name {TEXT} NOT NULL,
    detector_version {TEXT} NOT NULL,
    hyperparameters {TEXT} NOT NULL,
    seed BIGINT NOT NULL,
    tags {TEXT} NOT NULL,
    model_id {UUID} REFERENCES models (id),
    version_row BIGINT,
    dataset_version_id {UUID} NOT NULL REFERENCES dataset_versions (id),
    attempt INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    runner_id {UUID} REFERENCES runners (id) ON DELETE SET NULL,
    lease_expires_at BIGINT,
    not_before BIGINT NOT NULL,
    cancel_requested BOOLEAN NOT NULL,
    progress {DOUBLE} NOT NULL,
    progress_message {TEXT},
    error_code {TEXT},
    error_message {TEXT},
    error_retryable BOOLEAN,
    created_by {UUID} NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT
);
CREATE INDEX jobs_queue ON jobs (priority DESC, id) WHERE status IN (0, 1);
CREATE INDEX jobs_project ON jobs (project_id, id);
CREATE INDEX jobs_runner ON jobs (runner_id) WHERE status = 1;
CREATE INDEX jobs_model ON jobs (model_id);

CREATE TABLE versions (
    row_id {ROW_ID},
    id {UUID} NOT NULL UNIQUE,
    project_row BIGINT NOT NULL REFERENCES projects (row_id),
    model_id {UUID} NOT NULL REFERENCES models (id),
    number BIGINT NOT NULL,
    status SMALLINT NOT NULL,
    visibility SMALLINT NOT NULL,
    description {TEXT} NOT NULL,
    detector_name {TEXT},
    detector_version {TEXT},
    dataset_version_id {UUID} REFERENCES dataset_versions (id),
    dataset_name {TEXT},
    dataset_description {TEXT},
    git_branch {TEXT},
    git_commit {TEXT},
    git_dirty BOOLEAN,
    git_remotes {TEXT},
    environment {TEXT},
    input_schema {TEXT},
    artifact_sha256 {TEXT} REFERENCES blobs (sha256),
    artifact_size BIGINT,
    artifact_name {TEXT},
    artifact_format {TEXT},
    threshold {DOUBLE},
    job_id {UUID} UNIQUE REFERENCES jobs (id),
    parent_row BIGINT REFERENCES versions (row_id),
    created_by {UUID} NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    UNIQUE (model_id, number)
);
CREATE INDEX versions_project ON versions (project_row, row_id);
CREATE INDEX versions_created ON versions (created_at, row_id);
CREATE INDEX versions_author ON versions (created_by, row_id);
CREATE INDEX versions_detector ON versions (detector_name, row_id);
CREATE INDEX versions_dataset ON versions (dataset_version_id, row_id);
CREATE INDEX versions_dataset_name ON versions (dataset_name, row_id);
CREATE INDEX versions_git_commit ON versions (git_commit, row_id);
CREATE INDEX versions_git_branch ON versions (git_branch, row_id);
CREATE INDEX versions_parent ON versions (parent_row);
CREATE INDEX versions_blob ON versions (artifact_sha256);

CREATE TABLE keys (
    id {ROW_ID},
    kind SMALLINT NOT NULL,
    name {TEXT} NOT NULL,
    UNIQUE (kind, name)
);

CREATE TABLE hyperparameters (
    version_row BIGINT NOT NULL REFERENCES versions (row_id) ON DELETE CASCADE,
    key_id BIGINT NOT NULL REFERENCES keys (id),
    project_row BIGINT NOT NULL,
    kind SMALLINT NOT NULL,
    number {DOUBLE},
    text {TEXT},
    text_head {TEXT},
    PRIMARY KEY (version_row, key_id)
) {WITHOUT_ROWID};
CREATE INDEX hyperparameters_number ON hyperparameters (key_id, number, version_row);
CREATE INDEX hyperparameters_text ON hyperparameters (key_id, text_head, version_row);
CREATE INDEX hyperparameters_project ON hyperparameters (project_row, key_id, number, version_row);

CREATE TABLE parameters (
    version_row BIGINT NOT NULL REFERENCES versions (row_id) ON DELETE CASCADE,
    key_id BIGINT NOT NULL REFERENCES keys (id),
    project_row BIGINT NOT NULL,
    kind SMALLINT NOT NULL,
    number {DOUBLE},
    text {TEXT},
    text_head {TEXT},
    PRIMARY KEY (version_row, key_id)
) {WITHOUT_ROWID};
CREATE INDEX parameters_number ON parameters (key_id, number, version_row);
CREATE INDEX parameters_text ON parameters (key_id, text_head, version_row);

CREATE TABLE metrics (
    version_row BIGINT NOT NULL REFERENCES versions (row_id) ON DELETE CASCADE,
    key_id BIGINT NOT NULL REFERENCES keys (id),
    project_row BIGINT NOT NULL,
    last {DOUBLE},
    last_step BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    min {DOUBLE},
    max {DOUBLE},
    best {DOUBLE},
    points BIGINT NOT NULL,
    PRIMARY KEY (version_row, key_id)
) {WITHOUT_ROWID};
CREATE INDEX metrics_last ON metrics (key_id, last, version_row);
CREATE INDEX metrics_best ON metrics (key_id, best, version_row);
CREATE INDEX metrics_project_last ON metrics (project_row, key_id, last, version_row);
CREATE INDEX metrics_newest ON metrics (key_id, version_row, last);

CREATE TABLE metric_points (
    version_row BIGINT NOT NULL REFERENCES versions (row_id) ON DELETE CASCADE,
    key_id BIGINT NOT NULL REFERENCES keys (id),
    step BIGINT NOT NULL,
    at BIGINT NOT NULL,
    value {DOUBLE},
    PRIMARY KEY (version_row, key_id, step)
) {WITHOUT_ROWID};

CREATE TABLE metric_directions (
    project_row BIGINT NOT NULL REFERENCES projects (row_id) ON DELETE CASCADE,
    key_id BIGINT NOT NULL REFERENCES keys (id),
    direction SMALLINT NOT NULL,
    PRIMARY KEY (project_row, key_id)
);

CREATE TABLE tags (
    id {UUID} PRIMARY KEY,
    project_row BIGINT NOT NULL REFERENCES projects (row_id),
    name {TEXT} NOT NULL,
    description {TEXT} NOT NULL,
    created_by {UUID} NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (project_row, name)
);
CREATE INDEX tags_name ON tags (name);

CREATE TABLE version_tags (
    tag_id {UUID} NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
    version_row BIGINT NOT NULL REFERENCES versions (row_id) ON DELETE CASCADE,
    PRIMARY KEY (tag_id, version_row)
) {WITHOUT_ROWID};
CREATE INDEX version_tags_version ON version_tags (version_row, tag_id);

CREATE TABLE aliases (
    model_id {UUID} NOT NULL REFERENCES models (id),
    name {TEXT} NOT NULL,
    version_row BIGINT NOT NULL REFERENCES versions (row_id),
    moved_by {UUID} NOT NULL REFERENCES users (id),
    moved_at BIGINT NOT NULL,
    PRIMARY KEY (model_id, name)
);
CREATE INDEX aliases_version ON aliases (version_row);
CREATE INDEX aliases_name ON aliases (name, version_row);

CREATE TABLE alias_moves (
    id {ROW_ID},
    model_id {UUID} NOT NULL REFERENCES models (id),
    name {TEXT} NOT NULL,
    from_version_row BIGINT REFERENCES versions (row_id),
    to_version_row BIGINT REFERENCES versions (row_id),
    reason {TEXT},
    moved_by {UUID} NOT NULL REFERENCES users (id),
    moved_at BIGINT NOT NULL
);
CREATE INDEX alias_moves_model ON alias_moves (model_id, id);

CREATE TABLE predictions (
    id {UUID} PRIMARY KEY,
    project_id {UUID} NOT NULL REFERENCES projects (id),
    version_row BIGINT NOT NULL REFERENCES versions (row_id),
    dataset_version_id {UUID} NOT NULL REFERENCES dataset_versions (id),
    job_id {UUID} NOT NULL UNIQUE REFERENCES jobs (id),
    row_count BIGINT NOT NULL,
    anomaly_count BIGINT NOT NULL,
    threshold {DOUBLE} NOT NULL,
    metrics {TEXT} NOT NULL,
    sha256 {TEXT} REFERENCES blobs (sha256),
    size BIGINT,
    created_by {UUID} NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL
);
CREATE INDEX predictions_version ON predictions (version_row, id);
CREATE INDEX predictions_project ON predictions (project_id, id);
CREATE INDEX predictions_blob ON predictions (sha256);

CREATE TABLE figures (
    id {UUID} PRIMARY KEY,
    version_row BIGINT REFERENCES versions (row_id) ON DELETE CASCADE,
    prediction_id {UUID} REFERENCES predictions (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    name {TEXT} NOT NULL,
    title {TEXT} NOT NULL,
    spec {TEXT} NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX figures_version ON figures (version_row, position);
CREATE INDEX figures_prediction ON figures (prediction_id, position);

CREATE TABLE idempotency_keys (
    user_id {UUID} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    operation {TEXT} NOT NULL,
    idempotency_key {TEXT} NOT NULL,
    request_hash {TEXT} NOT NULL,
    result_id {UUID} NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, operation, idempotency_key)
);

CREATE TABLE audit_events (
    id {UUID} PRIMARY KEY,
    at BIGINT NOT NULL,
    user_id {UUID},
    token_id {UUID},
    action {TEXT} NOT NULL,
    subject {TEXT} NOT NULL,
    workspace_id {UUID},
    project_id {UUID},
    detail {TEXT} NOT NULL,
    request_id {TEXT}
);
CREATE INDEX audit_events_project ON audit_events (project_id, id);
CREATE INDEX audit_events_workspace ON audit_events (workspace_id, id);
