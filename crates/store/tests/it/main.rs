//! The store through its public face, on SQLite, and on PostgreSQL where `NUNATAK_TEST_DATABASE` names one.

mod collect;
mod datasets;
mod downloads;
mod files;
mod fixture;
mod jobs;
