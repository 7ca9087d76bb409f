//! What a metric trigger looks at: the values of one metric of one version, as they came, from `logMetrics`, from the
//! training itself, and from predictions and evaluations with the version.

use nunatak_domain::{Direction, KeyKind, Timestamp, VersionId};
use sea_orm::{ConnectionTrait, entity::prelude::Uuid};

use super::{
    Aggregate, FiringCause, MetricTrigger, Reading, ScheduleRecord, Trigger, Window, definition::MAX_WINDOW_POINTS,
    fire::Firing,
};
use crate::{Store, StoreError, db, entities::schedules, metrics::declared_direction, predictions};

/// The version that a trigger looks at.
#[derive(Clone, Copy)]
struct Target {
    row: i64,
    id: VersionId,
}

impl Store {
    /// Looks at the metric. It fires once, when the value first is worse than the threshold, and again only after the
    /// value has been good or another version has taken over, and the pause is over.
    pub(super) async fn watch(&self, row: schedules::Model) -> Result<bool, StoreError> {
        let schedule = ScheduleRecord::try_from(row)?;
        let Trigger::Metric(trigger) = &schedule.trigger else { return Ok(false) };
        let Some(target) = self.target(&schedule, trigger).await? else { return Ok(false) };
        let armed = schedule.armed || schedule.watched_row != Some(target.row);
        let Some(reading) = self.read_metric(&schedule, trigger, target).await? else { return Ok(false) };
        let worse = match reading.direction {
            Direction::Maximize => reading.value < trigger.threshold,
            Direction::Minimize => reading.value > trigger.threshold,
        };
        let rested = schedule.last_fired_at.is_none_or(|last| last.plus(trigger.pause()) <= self.now());
        let cause = FiringCause::Metric(reading);
        let seen = Firing { armed: false, watched_row: Some(target.row), ..Firing::of(&schedule, cause) };
        match (worse, armed) {
            (true, true) if rested => self.fire(&schedule, seen).await,
            (true, _) => Ok(false),
            (false, _) if schedule.armed && schedule.watched_row == seen.watched_row => Ok(false),
            (false, _) => self.arm(&schedule, target).await,
        }
    }

    /// Notes that the version's metric is good: the next time that it is not, the schedule fires.
    async fn arm(&self, schedule: &ScheduleRecord, target: Target) -> Result<bool, StoreError> {
        let text = "UPDATE schedules SET armed = TRUE, watched_row = $3, revision = revision + 1 \
                    WHERE id = $1 AND revision = $2 AND deleted_at IS NULL";
        let db = self.0.db.write();
        let values = vec![schedule.id.0.into(), schedule.revision.into(), target.row.into()];
        db.execute_raw(db::sql(db, text, values)).await?;
        Ok(false)
    }

    /// The version that the alias names, or the newest. Private ones only of the schedule's owner: the value is told
    /// to everybody who sees the schedule.
    async fn target(&self, schedule: &ScheduleRecord, trigger: &MetricTrigger) -> Result<Option<Target>, StoreError> {
        let mut values = vec![trigger.model.0.into(), schedule.owner.0.into()];
        let which = match &trigger.alias {
            None => "TRUE",
            Some(alias) => {
                values.push(alias.as_str().into());
                "v.row_id = (SELECT a.version_row FROM aliases a WHERE a.model_id = $1 AND a.name = $3)"
            }
        };
        let text = format!(
            "SELECT v.row_id, v.id FROM versions v WHERE v.model_id = $1 AND v.deleted_at IS NULL AND v.status = 1 \
             AND (v.visibility = 0 OR v.created_by = $2) AND {which} ORDER BY v.number DESC LIMIT 1"
        );
        let db = self.0.db.read();
        let row = db.query_one_raw(db::sql(db, &text, values)).await?;
        row.map(|row| Ok(Target { row: row.try_get("", "row_id")?, id: row.try_get::<Uuid>("", "id")?.into() }))
            .transpose()
    }

    async fn read_metric(
        &self,
        schedule: &ScheduleRecord,
        trigger: &MetricTrigger,
        target: Target,
    ) -> Result<Option<Reading>, StoreError> {
        let mut values = self.logged_values(trigger, target).await?;
        values.extend(self.scored_values(trigger, target).await?);
        values.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        let values = within(&values, trigger.window, self.now());
        let Some(value) = summed_up(&values, trigger.aggregate) else { return Ok(None) };
        let db = self.0.db.read();
        let direction = match trigger.direction {
            Some(direction) => direction,
            None => declared_direction(db, schedule.project, &trigger.key).await?,
        };
        Ok(Some(Reading {
            version: target.id,
            key: trigger.key.clone(),
            value,
            threshold: trigger.threshold,
            direction,
            window: trigger.window,
            aggregate: trigger.aggregate,
            points: values.len(),
        }))
    }

    /// The newest points of the version's own series; a NaN says nothing.
    async fn logged_values(
        &self,
        trigger: &MetricTrigger,
        target: Target,
    ) -> Result<Vec<(Timestamp, f64)>, StoreError> {
        let key = self.known_keys(&[(KeyKind::Metric, trigger.key.as_str())]).await?.pop().flatten();
        let Some(key) = key else { return Ok(Vec::new()) };
        let text = "SELECT at, value FROM metric_points WHERE version_row = $1 AND key_id = $2 \
                    ORDER BY step DESC LIMIT $3";
        let db = self.0.db.read();
        let values = vec![target.row.into(), key.into(), i64::from(MAX_WINDOW_POINTS).into()];
        let rows = db.query_all_raw(db::sql(db, text, values)).await?;
        let mut found = Vec::new();
        for row in &rows {
            if let Some(value) = row.try_get::<Option<f64>>("", "value")? {
                found.push((Timestamp::from_micros(row.try_get("", "at")?), value));
            }
        }
        // Of one moment the higher step is the newer.
        Ok(found)
    }

    /// What the newest predictions and evaluations with the version measured.
    async fn scored_values(
        &self,
        trigger: &MetricTrigger,
        target: Target,
    ) -> Result<Vec<(Timestamp, f64)>, StoreError> {
        let text = "SELECT created_at, metrics FROM predictions WHERE version_row = $1 ORDER BY id DESC LIMIT $2";
        let db = self.0.db.read();
        let values = vec![target.row.into(), i64::from(MAX_WINDOW_POINTS).into()];
        let rows = db.query_all_raw(db::sql(db, text, values)).await?;
        let mut found = Vec::new();
        for row in &rows {
            let metrics: String = row.try_get("", "metrics")?;
            let value = predictions::metric_in(&metrics, &trigger.key)?.filter(|value| !value.is_nan());
            let at = Timestamp::from_micros(row.try_get("", "created_at")?);
            found.extend(value.map(|value| (at, value)));
        }
        Ok(found)
    }
}

/// The values in the window, the newest first; none where there are too few.
fn within(values: &[(Timestamp, f64)], window: Window, now: Timestamp) -> Vec<f64> {
    match window {
        Window::Points(points) => {
            let points = points as usize;
            let newest: Vec<f64> = values.iter().take(points).map(|(_, value)| *value).collect();
            if newest.len() < points { Vec::new() } else { newest }
        }
        Window::Seconds(seconds) => {
            let from = now.minus(std::time::Duration::from_secs(seconds.into()));
            values.iter().filter(|(at, _)| *at >= from).map(|(_, value)| *value).collect()
        }
    }
}

fn summed_up(values: &[f64], aggregate: Aggregate) -> Option<f64> {
    match aggregate {
        Aggregate::Last => values.first().copied(),
        #[expect(clippy::cast_precision_loss, reason = "at most a thousand")]
        Aggregate::Mean => (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64),
    }
}
