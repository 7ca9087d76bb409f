//! From where a trigger looks on.

use nunatak_domain::{Cron, DatasetId, Problem, ProjectId, ScheduleId, Timestamp};
use sea_orm::{ConnectionTrait, DatabaseTransaction, Value};

use super::{Trigger, check::newest_version};
use crate::{Store, StoreError, db};

/// What a schedule begins with.
pub(super) struct Start {
    pub(super) next_fire_at: Option<i64>,
    pub(super) dataset: Option<DatasetId>,
    pub(super) seen_number: Option<i64>,
    pub(super) watches: bool,
}

impl Store {
    /// From now on: what was there before does not fire.
    pub(super) async fn start(
        &self,
        txn: &DatabaseTransaction,
        trigger: &Trigger,
        project: ProjectId,
    ) -> Result<Start, StoreError> {
        let nothing = Start { next_fire_at: None, dataset: None, seen_number: None, watches: false };
        Ok(match trigger {
            Trigger::Cron { expression, time_zone } => {
                let next = next_moment(expression, time_zone, self.now())?;
                Start { next_fire_at: Some(next.micros()), ..nothing }
            }
            Trigger::Dataset(dataset) => {
                let (_, number) = newest_version(txn, *dataset, project).await?;
                Start { dataset: Some(*dataset), seen_number: Some(number), ..nothing }
            }
            Trigger::Metric(_) => Start { watches: true, ..nothing },
        })
    }

    pub(super) async fn restart(
        &self,
        txn: &DatabaseTransaction,
        id: ScheduleId,
        trigger: &Trigger,
        project: ProjectId,
    ) -> Result<(), StoreError> {
        let start = self.start(txn, trigger, project).await?;
        let text = "UPDATE schedules SET next_fire_at = $2, dataset_id = $3, seen_number = $4, watches = $5, \
                    armed = TRUE, watched_row = NULL WHERE id = $1";
        let values = vec![
            id.0.into(),
            start.next_fire_at.into(),
            Value::Uuid(start.dataset.map(Into::into)),
            start.seen_number.into(),
            start.watches.into(),
        ];
        txn.execute_raw(db::sql(txn, text, values)).await?;
        Ok(())
    }
}

/// The first moment after `now`.
pub(super) fn next_moment(expression: &str, time_zone: &str, now: Timestamp) -> Result<Timestamp, StoreError> {
    let cron = Cron::parse(expression, time_zone)?;
    cron.next_after(now).ok_or_else(|| {
        let message = format!("`{expression}` never comes: it names a day that there is not");
        Problem::new("NEVER", message).at("expression").at("cron").at("trigger").into()
    })
}
