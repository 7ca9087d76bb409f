//! How a comparison begins: what a schedule has trained, or because somebody asked.

use nunatak_domain::{
    DatasetVersionId, ModelId, Problem, ProjectId, PromotionId, PromotionState, ScheduleId, UserId, VersionId,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DatabaseTransaction, EntityTrait, entity::prelude::Uuid,
};
use serde_json::json;

use super::PromotionRecord;
use crate::{
    IdempotencyKey, Store, StoreError, db,
    entities::promotions,
    metrics::declared_direction,
    schedules::{PromoteRule, Rights, dataset_version},
    scope,
};

/// A version that may get an alias.
pub(crate) struct NewPromotion<'a> {
    pub(crate) version_row: i64,
    pub(crate) rule: &'a PromoteRule,
    pub(crate) owner: UserId,
    pub(crate) schedule: Option<ScheduleId>,
}

impl Store {
    /// Moves the alias to this version if it is better than the one that the alias names. Where evaluations are
    /// needed they are queued, and it is decided when they are over.
    ///
    /// # Errors
    /// `NotFound`, `REQUIRED` for a version without training data in this project, database.
    pub async fn promote_if_better(
        &self,
        rights: &Rights,
        version: VersionId,
        rule: &PromoteRule,
        key: Option<&IdempotencyKey>,
    ) -> Result<PromotionRecord, StoreError> {
        let permit = rights.promote()?;
        rule.check()?;
        if let Some(id) = self.replayed(self.0.db.read(), permit, "promoteIfBetter", key).await? {
            return self.promotion_in(self.0.db.read(), id.into()).await;
        }
        let (_, project) = scope::project_of(permit)?;
        let txn = self.0.db.begin().await?;
        let version = self.version_to_change(&txn, permit, version).await?;
        let new = NewPromotion { version_row: version.row, rule, owner: permit.user(), schedule: None };
        let id = self.insert_promotion(&txn, project, &new).await?;
        self.remember(&txn, permit, "promoteIfBetter", key, id.0).await?;
        self.audit(&txn, permit, version.id, json!({ "alias": rule.alias, "promotion": id })).await?;
        txn.commit().await?;
        self.step_promotion(id).await?;
        self.promotion_in(self.0.db.read(), id).await
    }

    /// Notes a comparison to be made.
    pub(crate) async fn insert_promotion(
        &self,
        txn: &DatabaseTransaction,
        project: ProjectId,
        new: &NewPromotion<'_>,
    ) -> Result<PromotionId, StoreError> {
        let (model, trained_on) = origin(txn, new.version_row).await?;
        let rule = new.rule;
        let dataset = match rule.evaluate_on {
            Some(data) => dataset_version(txn, data, project).await,
            None => trained_on.ok_or_else(|| no_data().into()),
        };
        let direction = match rule.direction {
            Some(direction) => direction,
            None => declared_direction(txn, project, &rule.metric).await?,
        };
        let now = self.now();
        let id = PromotionId::new(now);
        let row = promotions::ActiveModel {
            id: Set(id.0),
            project_id: Set(project.0),
            model_id: Set(model.0),
            alias: Set(rule.alias.to_string()),
            metric: Set(rule.metric.to_string()),
            direction: Set(direction.number()),
            min_improvement: Set(rule.min_improvement),
            dataset_version_id: Set(dataset?.0),
            evaluated: Set(rule.evaluate_on.is_some()),
            candidate_row: Set(new.version_row),
            state: Set(PromotionState::Comparing.number()),
            reason: Set("being compared".to_owned()),
            rounds: Set(0),
            schedule_id: Set(new.schedule.map(|id| id.0)),
            owner_id: Set(new.owner.0),
            created_at: Set(now.micros()),
            ..Default::default()
        };
        row.insert(txn).await?;
        Ok(id)
    }

    /// The comparison as it stands, whoever asks.
    pub(super) async fn promotion_in(
        &self,
        db: &impl ConnectionTrait,
        id: PromotionId,
    ) -> Result<PromotionRecord, StoreError> {
        let row = promotions::Entity::find_by_id(id.0).one(db).await?;
        row.ok_or(StoreError::NotFound("promotion"))?.try_into()
    }
}

/// The version's model, and what it was trained on.
async fn origin(txn: &DatabaseTransaction, row: i64) -> Result<(ModelId, Option<DatasetVersionId>), StoreError> {
    let text = "SELECT model_id, dataset_version_id FROM versions WHERE row_id = $1";
    let row = txn.query_one_raw(db::sql(txn, text, vec![row.into()])).await?;
    let row = row.ok_or(StoreError::NotFound("version"))?;
    let dataset: Option<Uuid> = row.try_get("", "dataset_version_id")?;
    Ok((row.try_get::<Uuid>("", "model_id")?.into(), dataset.map(Into::into)))
}

fn no_data() -> Problem {
    let message = "this version was not trained on a dataset of this project: say in `evaluateOn` on which rows both \
                   are to be measured";
    Problem::new("REQUIRED", message).at("evaluateOn")
}
