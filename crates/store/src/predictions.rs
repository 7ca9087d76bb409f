//! Predictions: a version applied to a dataset, with a score for each row or (an evaluation) metrics only.

mod scores;
mod stored;

use std::collections::HashMap;

use nunatak_authz::{Action, Actor};
use nunatak_domain::{
    DatasetVersionId, JobId, Page, PageRequest, PredictionId, ProjectId, Timestamp, UserId, VersionId,
};
pub(crate) use scores::check_scores;
pub use scores::{ScorePage, ScoreQuery, ScoreRow};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait, Select,
    entity::prelude::Uuid,
};
pub(crate) use stored::{NewPrediction, insert, metric_in};

pub use crate::files::Reason;
use crate::{
    Store, StoreError,
    entities::{predictions, versions},
    files::BlobRecord,
    jobs::{ReportedMetric, try_page},
    paging::page_by_id,
    scope,
};

/// A version applied to the rows of a dataset version.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictionRecord {
    pub id: PredictionId,
    pub project: ProjectId,
    pub version: VersionId,
    pub dataset_version: DatasetVersionId,
    pub job: JobId,
    pub row_count: i64,
    pub anomaly_count: i64,
    /// A row is an anomaly when its score is greater.
    pub threshold: f64,
    pub metrics: Vec<ReportedMetric>,
    /// The file of the scores; none for an evaluation.
    pub scores: Option<BlobRecord>,
    pub created_by: UserId,
    pub created_at: Timestamp,
}

/// Which predictions to list; all given parts hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PredictionFilter {
    pub version: Option<VersionId>,
    pub project: Option<ProjectId>,
}

/// Holds for predictions in the actor's projects that were made with a version that it sees.
fn visible(store: &Store, actor: &Actor) -> Condition {
    let reach = store.authorizer().reach(actor, Action::ReadPredictions);
    let seen = versions::Entity::find()
        .select_only()
        .column(versions::Column::RowId)
        .filter(scope::versions_visible(store, actor));
    Condition::all()
        .add(scope::project_ids(predictions::Column::ProjectId, reach))
        .add(predictions::Column::VersionRow.in_subquery(seen.into_query()))
}

impl Store {
    /// # Errors
    /// Database.
    pub async fn prediction(&self, actor: &Actor, id: PredictionId) -> Result<Option<PredictionRecord>, StoreError> {
        Ok(self.predictions_by_ids(actor, &[id]).await?.remove(&id))
    }

    /// Those of `ids` that the actor may see.
    ///
    /// # Errors
    /// Database.
    pub async fn predictions_by_ids(
        &self,
        actor: &Actor,
        ids: &[PredictionId],
    ) -> Result<HashMap<PredictionId, PredictionRecord>, StoreError> {
        let ids = predictions::Column::Id.is_in(ids.iter().map(|id| id.0));
        let select = predictions::Entity::find().filter(ids).filter(visible(self, actor));
        Ok(self.predictions_of(select).await?.into_iter().map(|made| (made.id, made)).collect())
    }

    /// What these jobs made.
    ///
    /// # Errors
    /// Database.
    pub async fn predictions_by_jobs(
        &self,
        actor: &Actor,
        jobs: &[JobId],
    ) -> Result<HashMap<JobId, PredictionRecord>, StoreError> {
        let jobs = predictions::Column::JobId.is_in(jobs.iter().map(|id| id.0));
        let select = predictions::Entity::find().filter(jobs).filter(visible(self, actor));
        Ok(self.predictions_of(select).await?.into_iter().map(|made| (made.job, made)).collect())
    }

    async fn predictions_of(&self, select: Select<predictions::Entity>) -> Result<Vec<PredictionRecord>, StoreError> {
        let db = self.0.db.read();
        let rows = select.all(db).await?;
        let ids = version_ids(db, rows.iter()).await?;
        rows.into_iter().map(|row| stored::record(row, &ids)).collect()
    }

    /// The predictions that the actor may see, newest first.
    ///
    /// # Errors
    /// `INVALID_CURSOR`, database.
    pub async fn prediction_page(
        &self,
        actor: &Actor,
        filter: &PredictionFilter,
        page: &PageRequest,
    ) -> Result<Page<PredictionRecord>, StoreError> {
        let mut select = predictions::Entity::find().filter(visible(self, actor));
        if let Some(project) = filter.project {
            select = select.filter(predictions::Column::ProjectId.eq(project.0));
        }
        if let Some(version) = filter.version {
            let row = versions::Entity::find()
                .select_only()
                .column(versions::Column::RowId)
                .filter(versions::Column::Id.eq(version.0));
            select = select.filter(predictions::Column::VersionRow.in_subquery(row.into_query()));
        }
        let db = self.0.db.read();
        let page = page_by_id(db, select, predictions::Column::Id, "predictions", page, |row| row.id).await?;
        let ids = version_ids(db, page.items.iter().map(|(_, row)| row)).await?;
        try_page(page, |row| stored::record(row, &ids))
    }
}

/// The public ids of the versions that these predictions were made with.
async fn version_ids(
    db: &impl ConnectionTrait,
    rows: impl Iterator<Item = &predictions::Model>,
) -> Result<HashMap<i64, Uuid>, StoreError> {
    let numbers: Vec<i64> = rows.map(|row| row.version_row).collect();
    let pairs = versions::Entity::find()
        .select_only()
        .columns([versions::Column::RowId, versions::Column::Id])
        .filter(versions::Column::RowId.is_in(numbers))
        .into_tuple::<(i64, Uuid)>()
        .all(db)
        .await?;
    Ok(pairs.into_iter().collect())
}
