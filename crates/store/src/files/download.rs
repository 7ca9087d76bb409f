//! Which files an actor may have. A job's token has only those that its own, running attempt names; that of a runner
//! that scores at once only the file of its version.

use nunatak_authz::{Action, Actor};
use nunatak_domain::{DatasetVersionId, JobStatus, PredictionId, VersionId};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, QueryTrait, sea_query::SelectStatement};

use super::BlobRecord;
use crate::{
    Store, StoreError,
    entities::{jobs, versions},
    scope,
};

impl Store {
    /// The file of a version.
    ///
    /// # Errors
    /// `NotFound` without a file or for other eyes.
    pub async fn version_artifact(&self, actor: &Actor, id: VersionId) -> Result<BlobRecord, StoreError> {
        let absent = || StoreError::NotFound("artifact");
        let reach = self.authorizer().reach(actor, Action::Download);
        let within_reach = scope::project_rows(versions::Column::ProjectRow, reach);
        let there = Condition::all().add(versions::Column::DeletedAt.is_null());
        let seen = match (actor, named_by_job(actor, jobs::Column::VersionRow)) {
            (Actor::Scorer { version, .. }, _) => there.add(versions::Column::Id.eq(version.0)).add(within_reach),
            (_, Some(named)) => there.add(versions::Column::RowId.in_subquery(named)),
            (_, None) => scope::versions_visible(self, actor).add(within_reach),
        };
        let select = versions::Entity::find().filter(versions::Column::Id.eq(id.0)).filter(seen);
        let row = select.one(self.0.db.read()).await?.ok_or_else(absent)?;
        let (Some(sha256), Some(size)) = (row.artifact_sha256, row.artifact_size) else { return Err(absent()) };
        let file_name = row.artifact_name.unwrap_or_else(|| format!("{id}.bin"));
        Ok(BlobRecord { sha256, size, file_name })
    }

    /// The file of a dataset version.
    ///
    /// # Errors
    /// `NotFound` for other eyes.
    pub async fn dataset_file(&self, actor: &Actor, id: DatasetVersionId) -> Result<BlobRecord, StoreError> {
        let version = self.dataset_version(actor, id).await?;
        let dataset = self.dataset(actor, version.dataset).await?;
        let file_name = format!("{}-v{}.{}", dataset.name, version.number, version.format.to_ascii_lowercase());
        Ok(BlobRecord { sha256: version.sha256, size: version.size, file_name })
    }

    /// The file of a prediction's scores: safetensors with `score` (f64) and `label` (u8) for each row.
    ///
    /// # Errors
    /// `NotFound` without a file or for other eyes.
    pub async fn prediction_scores(&self, actor: &Actor, id: PredictionId) -> Result<BlobRecord, StoreError> {
        let found = self.prediction(actor, id).await?;
        found.and_then(|prediction| prediction.scores).ok_or(StoreError::NotFound("scores"))
    }
}

/// What `column` of the actor's own job holds, while that attempt runs; `None` for actors that are no job.
pub(crate) fn named_by_job(actor: &Actor, column: jobs::Column) -> Option<SelectStatement> {
    let Actor::Job { id, attempt, .. } = actor else { return None };
    let mine = jobs::Entity::find()
        .select_only()
        .column(column)
        .filter(jobs::Column::Id.eq(id.0))
        .filter(jobs::Column::Attempt.eq(*attempt))
        .filter(jobs::Column::Status.eq(JobStatus::Running.number()));
    Some(mine.into_query())
}
