//! The log of slow statements: what ran, for whom, how long, and how the database went about it.
//!
//! Never a value: the statement's text has placeholders, a search is told by its shape, and the plan is
//! [redacted](plan::redacted). The plan is asked for afterwards, of a statement that is already answered.

mod plan;

use std::{
    cell::Cell,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use sea_orm::{DatabaseConnection, DbErr, Statement};
use tracing::Instrument;

use crate::{Origin, stats::Meter};

/// When a statement is slow, and how often its plan may be asked for.
#[derive(Debug, Clone, Copy)]
pub struct SlowStatements {
    /// A statement that takes at least this long is logged.
    pub threshold: Duration,
    /// Between two questions for a plan: when everything is slow, the log must not make it slower.
    pub plan_every: Duration,
}

impl SlowStatements {
    #[must_use]
    pub const fn above(threshold: Duration) -> Self {
        Self { threshold, plan_every: Duration::from_secs(1) }
    }
}

/// A plan that takes longer is not worth waiting for.
const PLAN_PATIENCE: Duration = Duration::from_secs(2);
/// Thousands of rows in one statement are as many placeholders: more of them tells nothing.
const MAX_LOGGED_BYTES: usize = 8 * 1024;
/// What has more values is an insert of many rows, whose plan is known.
const MAX_PLANNED_VALUES: usize = 2000;

tokio::task_local! {
    /// Inside of a search: its slow statement, kept until its shape is known.
    static HELD: Cell<Option<Slow>>;
}

/// A statement that was slow.
#[derive(Debug)]
pub(crate) struct Slow {
    statement: Statement,
    elapsed: Duration,
    /// It failed, or (`None`) nobody waited for its end.
    failed: Option<bool>,
}

#[derive(Debug)]
pub(crate) struct SlowLog {
    options: SlowStatements,
    /// Without a watch on it: a plan is no statement of anybody's.
    pool: DatabaseConnection,
    meter: Arc<Meter>,
    gate: Arc<Mutex<Gate>>,
}

/// When the last plan was asked for, and whether it is still awaited.
#[derive(Debug, Default)]
struct Gate {
    asked: Option<Instant>,
    busy: bool,
}

/// The right to ask for one plan.
struct Turn(Arc<Mutex<Gate>>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).busy = false;
    }
}

impl SlowLog {
    pub(crate) fn new(options: SlowStatements, pool: DatabaseConnection, meter: Arc<Meter>) -> Arc<Self> {
        Arc::new(Self { options, pool, meter, gate: Arc::default() })
    }

    /// Hears of every statement when it is over.
    pub(crate) fn hear(self: &Arc<Self>, statement: &Statement, elapsed: Duration, failed: bool) {
        if elapsed < self.options.threshold {
            return;
        }
        let slow = Slow { statement: statement.clone(), elapsed, failed: Some(failed) };
        let mut slow = Some(slow);
        // Inside of a search: kept for its end, when the shape is added. Outside: nothing is there to keep it.
        let _ = HELD.try_with(|held| held.set(slow.take()));
        if let Some(slow) = slow {
            self.report(slow, None);
        }
    }

    /// Runs a search's statement; if it is slow, the log gets its shape.
    pub(crate) async fn search<T>(
        self: &Arc<Self>,
        shape: impl FnOnce() -> String,
        statement: Statement,
        run: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, DbErr> {
        let mut search = Search { log: self, statement: Some(statement), started: Instant::now(), shape: Some(shape) };
        let held = async {
            let result = run.await;
            (result, HELD.with(Cell::take))
        };
        let (result, slow) = HELD.scope(Cell::new(None), held).await;
        search.statement = None;
        if let (Some(slow), Some(shape)) = (slow, search.shape.take()) {
            self.report(slow, Some(shape()));
        }
        result
    }

    fn report(self: &Arc<Self>, slow: Slow, shape: Option<String>) {
        self.meter.slow();
        let origin = Origin::current();
        let runtime = tokio::runtime::Handle::try_current();
        let (Ok(runtime), Some(turn)) = (runtime, self.turn(&slow.statement)) else {
            return line(&slow, shape.as_deref(), origin.as_ref(), None);
        };
        let log = self.clone();
        let work = async move {
            let plan = tokio::time::timeout(PLAN_PATIENCE, plan::of(&log.pool, &slow.statement)).await;
            let plan = match plan {
                Ok(Ok(plan)) => plan,
                Ok(Err(error)) => format!("not told: {error}"),
                Err(_) => "not told in time".to_owned(),
            };
            line(&slow, shape.as_deref(), origin.as_ref(), Some(&plan));
            drop(turn);
        };
        runtime.spawn(work.in_current_span());
    }

    /// The right to ask for this statement's plan now, if it has one.
    fn turn(&self, statement: &Statement) -> Option<Turn> {
        let values = statement.values.as_ref().map_or(0, |values| values.0.len());
        if values > MAX_PLANNED_VALUES || !plan::has_one(&statement.sql) {
            return None;
        }
        let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let early = gate.asked.is_some_and(|asked| asked.elapsed() < self.options.plan_every);
        if gate.busy || early {
            return None;
        }
        *gate = Gate { asked: Some(Instant::now()), busy: true };
        Some(Turn(self.gate.clone()))
    }
}

/// A search on its way. One that its client gives up on is no less slow, and on SQLite goes on all the same.
struct Search<'a, F: FnOnce() -> String> {
    log: &'a Arc<SlowLog>,
    /// Until it is over.
    statement: Option<Statement>,
    started: Instant,
    shape: Option<F>,
}

impl<F: FnOnce() -> String> Drop for Search<'_, F> {
    fn drop(&mut self) {
        let (Some(statement), Some(shape)) = (self.statement.take(), self.shape.take()) else { return };
        let elapsed = self.started.elapsed();
        if elapsed >= self.log.options.threshold {
            self.log.report(Slow { statement, elapsed, failed: None }, Some(shape()));
        }
    }
}

fn line(slow: &Slow, shape: Option<&str>, origin: Option<&Origin>, plan: Option<&str>) {
    let statement = plan::head(&slow.statement.sql, MAX_LOGGED_BYTES);
    let plan = plan.map(|plan| plan::head(plan, MAX_LOGGED_BYTES));
    tracing::warn!(
        duration_ms = slow.elapsed.as_secs_f64() * 1000.0,
        request.id = origin.map(|origin| &*origin.request_id),
        graphql.operation = origin.and_then(|origin| origin.operation.as_deref()),
        search.shape = shape,
        db.failed = slow.failed,
        db.abandoned = slow.failed.is_none(),
        db.statement = &*statement,
        db.plan = plan.as_deref(),
        "slow statement"
    );
}
