//! The best gets the alias, by the rule that was given with the sweep and with the rights that its user has by now.

use nunatak_authz::Permit;
use nunatak_domain::{AliasName, ModelId, Timestamp, VersionId};
use sea_orm::{ConnectionTrait, DatabaseTransaction, QueryResult, entity::prelude::Uuid};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{SweepRecord, advance::Rights, decide::Judge, plan::Promotion};
use crate::{Store, StoreError, aliases::Why, db};

/// What came of the rule for one model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromotionRecord {
    pub model: ModelId,
    pub version: VersionId,
    pub alias: String,
    /// Whether the version got the alias.
    pub promoted: bool,
    /// Why, or why not.
    pub reason: String,
    /// Microseconds since 1970.
    pub at: i64,
}

impl PromotionRecord {
    #[must_use]
    pub const fn moment(&self) -> Timestamp {
        Timestamp::from_micros(self.at)
    }
}

/// A version that is the best on its data set.
struct Best {
    row: i64,
    id: VersionId,
    model: ModelId,
    number: i64,
    score: f64,
}

/// The version that has the alias, with its last value of the metric.
struct Holder {
    row: i64,
    number: i64,
    score: Option<f64>,
}

impl Store {
    /// Where the rule says that it need not wait for the end.
    pub(super) async fn promote_early(
        &self,
        txn: &DatabaseTransaction,
        sweep: &SweepRecord,
        rights: &Rights,
    ) -> Result<(), StoreError> {
        if !sweep.plan.promote.as_ref().is_some_and(|rule| rule.as_soon_as_better) {
            return Ok(());
        }
        self.promote_best(txn, sweep, rights, false).await
    }

    /// Moves the alias to the best of each model that deserves it. `last`: notes also why it was not moved.
    pub(super) async fn promote_best(
        &self,
        txn: &DatabaseTransaction,
        sweep: &SweepRecord,
        rights: &Rights,
        last: bool,
    ) -> Result<(), StoreError> {
        let Some(rule) = &sweep.plan.promote else { return Ok(()) };
        let alias = AliasName::parse(&rule.alias)?;
        let mut promotions = sweep.promotions.clone();
        let known = promotions.len();
        for best in best(txn, sweep).await? {
            let has_it = |record: &PromotionRecord| record.promoted && record.version == best.id;
            let outcome = self.promote(txn, sweep, rule, &alias, rights.promote.as_ref(), &best).await?;
            let (promoted, reason) = match outcome {
                Ok(reason) => (true, reason),
                // It had been moved before the end.
                Err(_) if promotions.iter().any(has_it) => continue,
                Err(reason) => (false, reason),
            };
            if promoted || last {
                let (model, version, alias, at) = (best.model, best.id, rule.alias.clone(), self.now().micros());
                promotions.push(PromotionRecord { model, version, alias, promoted, reason, at });
            }
        }
        if promotions.len() > known {
            let text = "UPDATE sweeps SET promotions = $2 WHERE id = $1";
            let promotions = json!(promotions).to_string();
            txn.execute_raw(db::sql(txn, text, vec![sweep.id.0.into(), promotions.into()])).await?;
        }
        Ok(())
    }

    /// The reason of the move, or why there was none.
    async fn promote(
        &self,
        txn: &DatabaseTransaction,
        sweep: &SweepRecord,
        rule: &Promotion,
        alias: &AliasName,
        permit: Option<&Permit>,
        best: &Best,
    ) -> Result<Result<String, String>, StoreError> {
        let Some(permit) = permit else {
            return Ok(Err("the user who asked for the sweep may no longer promote versions (version:promote)".into()));
        };
        self.lock_model(txn, best.model).await?;
        let holder = holder(txn, best.model, alias, &sweep.metric).await?;
        let judge = Judge { metric: &sweep.metric, direction: sweep.direction };
        let compared = match verdict(judge, rule, best, holder.as_ref()) {
            Ok(compared) => compared,
            Err(reason) => return Ok(Err(reason)),
        };
        let reason = format!("sweep {} ({}): {compared}", sweep.name, sweep.id);
        match self.move_alias_in(txn, best.model, alias, best.row, permit.user(), Why::said(Some(&reason))).await {
            Ok(()) => {}
            Err(StoreError::NotFound(_)) => return Ok(Err("the version was deleted".to_owned())),
            Err(error) => return Err(error),
        }
        let detail = json!({ "alias": alias, "model": best.model, "number": best.number, "reason": reason });
        self.audit(txn, permit, best.id, detail).await?;
        Ok(Ok(reason))
    }
}

/// What the rule says: why the best gets the alias, or why not.
fn verdict(judge: Judge<'_>, rule: &Promotion, best: &Best, holder: Option<&Holder>) -> Result<String, String> {
    let Judge { metric, .. } = judge;
    let score = best.score;
    let Some(holder) = holder else { return Ok(format!("{metric} {score}, and nothing was `{}`", rule.alias)) };
    let number = holder.number;
    if holder.row == best.row {
        return Err(format!("version {number} is `{}` already", rule.alias));
    }
    let Some(current) = holder.score else {
        return Ok(format!("{metric} {score}, which version {number} does not have"));
    };
    let improvement = (score - current).abs();
    let is_better = judge.better(score, current) && improvement >= rule.min_improvement;
    let sign = if score > current {
        ">"
    } else if score < current {
        "<"
    } else {
        "="
    };
    let compared = format!("{metric} {score} {sign} {current} of version {number}");
    match (rule.only_if_better_than_current, is_better) {
        (false, _) | (_, true) => Ok(compared),
        (true, false) if rule.min_improvement > 0.0 => {
            Err(format!("{compared}, which is not better by {}", rule.min_improvement))
        }
        (true, false) => Err(format!("{compared}, which is not better")),
    }
}

/// The best of each data set among the versions that are still there.
async fn best(txn: &DatabaseTransaction, sweep: &SweepRecord) -> Result<Vec<Best>, StoreError> {
    let text = "SELECT row_id, id, model_id, number, score FROM (SELECT v.row_id, v.id, v.model_id, v.number, t.score, \
        t.place, ROW_NUMBER() OVER (PARTITION BY t.place \
        ORDER BY CASE WHEN $2 = 1 THEN t.score ELSE -t.score END, t.number) AS rank_number \
        FROM trials t JOIN versions v ON v.row_id = t.version_row AND v.deleted_at IS NULL \
        WHERE t.sweep_id = $1 AND t.score IS NOT NULL) ranked WHERE rank_number = 1 ORDER BY place";
    let values = vec![sweep.id.0.into(), i32::from(sweep.direction.number()).into()];
    let best = |row: &QueryResult| {
        Ok(Best {
            row: row.try_get("", "row_id")?,
            id: row.try_get::<Uuid>("", "id")?.into(),
            model: row.try_get::<Uuid>("", "model_id")?.into(),
            number: row.try_get("", "number")?,
            score: row.try_get("", "score")?,
        })
    };
    txn.query_all_raw(db::sql(txn, text, values)).await?.iter().map(best).collect()
}

async fn holder(
    txn: &DatabaseTransaction,
    model: ModelId,
    alias: &AliasName,
    metric: &str,
) -> Result<Option<Holder>, StoreError> {
    let text = "SELECT v.row_id, v.number, (SELECT m.last FROM metrics m JOIN keys k ON k.id = m.key_id \
        WHERE m.version_row = v.row_id AND k.kind = 2 AND k.name = $3) AS score \
        FROM aliases a JOIN versions v ON v.row_id = a.version_row WHERE a.model_id = $1 AND a.name = $2";
    let values = vec![model.0.into(), alias.as_str().into(), metric.into()];
    let Some(row) = txn.query_one_raw(db::sql(txn, text, values)).await? else { return Ok(None) };
    let (number, score) = (row.try_get("", "number")?, row.try_get("", "score")?);
    Ok(Some(Holder { row: row.try_get("", "row_id")?, number, score }))
}
