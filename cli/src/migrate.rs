//! `nunatak migrate`.

use anyhow::Context;
use clap::{Args, Subcommand};
use nunatak_migrations::{Migrator, MigratorTrait};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseBackend, DatabaseConnection};

use crate::settings::{SettingFlags, Settings};

#[derive(Args, Debug)]
pub(crate) struct MigrateArgs {
    #[command(subcommand)]
    direction: Direction,
    #[command(flatten)]
    flags: SettingFlags,
}

#[derive(Subcommand, Debug)]
enum Direction {
    /// Applies all steps that are missing; the server does the same when it starts.
    Up,
    /// Takes back the last steps. Destroys what they hold.
    Down {
        /// How many.
        #[arg(long, default_value_t = 1)]
        steps: u32,
    },
    /// Lists the steps and whether they are applied.
    Status,
}

pub(crate) async fn run(args: MigrateArgs) -> anyhow::Result<()> {
    let settings = Settings::load(&args.flags)?;
    std::fs::create_dir_all(&settings.data_dir)?;
    let url = settings.database_url();
    match args.direction {
        Direction::Up => up(&url).await,
        Direction::Down { steps } => Ok(Migrator::down(&connect(&url).await?, Some(steps)).await?),
        Direction::Status => {
            for step in Migrator::get_migration_with_status(&connect(&url).await?).await? {
                println!("{:<30} {}", step.name(), step.status());
            }
            Ok(())
        }
    }
}

/// Replicas that start together take turns: the others then find nothing to do.
const LOCK: i64 = 5_917_406_132;

/// Applies all missing steps.
pub(crate) async fn up(url: &str) -> anyhow::Result<()> {
    let db = connect(url).await?;
    let postgres = db.get_database_backend() == DatabaseBackend::Postgres;
    if postgres {
        db.execute_unprepared(&format!("SELECT pg_advisory_lock({LOCK})")).await?;
    }
    let applied = Migrator::up(&db, None).await;
    if postgres {
        db.execute_unprepared(&format!("SELECT pg_advisory_unlock({LOCK})")).await?;
    }
    applied.context("the database's schema could not be brought up to date")?;
    db.close().await?;
    Ok(())
}

async fn connect(url: &str) -> anyhow::Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(url);
    // One connection: the lock belongs to it.
    options.max_connections(1).sqlx_logging(false);
    Database::connect(options).await.context("the database does not answer; check database_url")
}
