//! One entity a table, seen by this crate only: what leaves it is a record of plain fields. Tables that are only
//! ever read and written by statements over many rows (metrics, keys, tags on versions…) have none.

pub(crate) mod alias_moves;
pub(crate) mod api_tokens;
pub(crate) mod audit_events;
pub(crate) mod blobs;
pub(crate) mod dataset_versions;
pub(crate) mod datasets;
pub(crate) mod detectors;
pub(crate) mod idempotency_keys;
pub(crate) mod jobs;
pub(crate) mod memberships;
pub(crate) mod models;
pub(crate) mod predictions;
pub(crate) mod projects;
pub(crate) mod promotions;
pub(crate) mod refresh_tokens;
pub(crate) mod runner_detectors;
pub(crate) mod runners;
pub(crate) mod schedule_runs;
pub(crate) mod schedules;
pub(crate) mod sweeps;
pub(crate) mod tags;
pub(crate) mod uploads;
pub(crate) mod users;
pub(crate) mod versions;
pub(crate) mod workspaces;
