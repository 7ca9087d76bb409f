//! The database's schema as frozen steps, each up and down on SQLite and PostgreSQL.
//!
//! To add a step: a new module `mNNNN_what`, written in [`Dialect`]'s words, and one line in [`Migrator`].
//! A step that has been released is never edited; expand, move, contract over several releases instead.

mod dialect;
mod m0001_foundation;
mod m0002_find;
mod m0003_summaries;
mod m0004_finished_jobs;
mod m0005_logging;
mod m0006_statistics;
mod m0007_run;
mod m0008_parquet;
mod m0009_sweeps;
mod m0010_schedules;
mod m0011_scoring;

use sea_orm_migration::prelude::*;

pub use dialect::Dialect;
pub use sea_orm_migration::MigratorTrait;

/// All steps, oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_foundation::Migration),
            Box::new(m0002_find::Migration),
            Box::new(m0003_summaries::Migration),
            Box::new(m0004_finished_jobs::Migration),
            Box::new(m0005_logging::Migration),
            Box::new(m0006_statistics::Migration),
            Box::new(m0007_run::Migration),
            Box::new(m0009_sweeps::Migration),
            Box::new(m0011_scoring::Migration),
            Box::new(m0010_schedules::Migration),
            Box::new(m0008_parquet::Migration),
        ]
    }
}
