use nunatak_domain::{ModelId, Name, Problem, ProjectId, UploadId, VersionId};
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use serde_json::json;

use super::{Artifact, NewVersion, VersionRecord};
use crate::{
    Action, Event, IdempotencyKey, Permit, Store, StoreError, db,
    files::Sender,
    scope::{project_of, require},
};

/// A version to be logged by a user.
#[derive(Debug, Clone)]
pub struct LogVersion {
    pub model: TargetModel,
    /// The file, from a completed upload of the project, and its format.
    pub upload: Option<(UploadId, String)>,
    /// The rest; its `artifact` and `created_by` are filled in.
    pub version: NewVersion,
}

/// Which model gets the version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetModel {
    Id(ModelId),
    /// Made if the project has none of that name.
    Named(Name),
}

impl Store {
    /// Registers a version that was trained anywhere. `permit` is for [`Action::LogVersions`].
    ///
    /// # Errors
    /// Problems located at the field that they are about, `NotFound`, database.
    pub async fn log_version(
        &self,
        permit: &Permit,
        log: LogVersion,
        key: Option<&IdempotencyKey>,
    ) -> Result<VersionRecord, StoreError> {
        require(permit, Action::LogVersions)?;
        let project = project_of(permit)?;
        let txn = self.0.db.begin().await?;
        if let Some(done) = self.replayed(&txn, permit, "logVersion", key).await? {
            return self.version_in(&txn, permit.actor(), VersionId(done)).await;
        }
        let model = match &log.model {
            TargetModel::Id(id) => self.model_of(&txn, project.1, *id).await?,
            TargetModel::Named(name) => self.ensure_model(&txn, project, name, permit.user()).await?,
        };
        let mut new = NewVersion { created_by: permit.user(), ..log.version };
        if let Some(upload) = log.upload {
            new.artifact = Some(self.artifact(&txn, permit, project.1, upload).await?);
        }
        if let Some(parent) = new.parent {
            // Its very existence may not be for these eyes.
            self.version_to_change(&txn, permit, parent).await.map_err(|error| match error {
                StoreError::NotFound(_) => {
                    Problem::new("NOT_FOUND", "there is no such version in this project").at("parent").into()
                }
                other => other,
            })?;
        }
        let version = self.insert_version(&txn, project, model, &new).await?;
        self.audit(&txn, permit, version.id, json!({ "model": model, "number": version.number })).await?;
        self.remember(&txn, permit, "logVersion", key, version.id.0).await?;
        txn.commit().await?;
        self.bus().publish(Event::VersionRegistered { version: version.id, model, project: project.1 });
        Ok(version)
    }

    async fn artifact(
        &self,
        txn: &DatabaseTransaction,
        permit: &Permit,
        project: ProjectId,
        (upload, format): (UploadId, String),
    ) -> Result<Artifact, StoreError> {
        let sender = Sender::User(permit.user());
        let blob = self.completed_upload(txn, upload, project, sender).await.map_err(|error| match error {
            StoreError::Invalid(problems) => {
                StoreError::Invalid(problems.into_iter().map(|problem| problem.at("upload")).collect())
            }
            other => other,
        })?;
        Ok(Artifact { sha256: blob.sha256, size: blob.size, name: blob.file_name, format })
    }

    async fn model_of(
        &self,
        txn: &DatabaseTransaction,
        project: ProjectId,
        id: ModelId,
    ) -> Result<ModelId, StoreError> {
        let text = "SELECT 1 AS one FROM models WHERE id = $1 AND project_id = $2 AND deleted_at IS NULL";
        match txn.query_one_raw(db::sql(txn, text, vec![id.0.into(), project.0.into()])).await? {
            Some(_) => Ok(id),
            None => Err(StoreError::NotFound("model")),
        }
    }
}
