use std::collections::{HashMap, HashSet};

use nunatak_domain::{DatasetVersionId, ModelId, Name, Problem, UploadId, VersionId};
use sea_orm::{ConnectionTrait, DatabaseTransaction, entity::prelude::Uuid};

use super::{
    Artifact, DatasetOrigin, NewVersion, VersionRecord,
    register::{Batch, Found, limit, located},
    sql::{Binds, plain_text},
};
use crate::{
    Action, Event, IdempotencyKey, Permit, Store, StoreError, db,
    files::Sender,
    scope::{project_of, require},
};

/// How many versions one call may log: with ten keys each about a megabyte of input.
pub const MAX_BATCH: usize = 500;

/// A version to be logged by a user.
#[derive(Debug, Clone)]
pub struct LogVersion {
    pub model: TargetModel,
    /// The file, from a completed upload of the project, and its format.
    pub upload: Option<(UploadId, String)>,
    /// The rest; its `artifact` and `created_by` are filled in.
    pub version: NewVersion,
}

impl LogVersion {
    /// It refers to nothing that must be looked up.
    const fn stands_alone(&self) -> bool {
        let here = matches!(self.version.dataset, DatasetOrigin::Here(_));
        self.upload.is_none() && self.version.parent.is_none() && !here
    }
}

/// Which model gets the version.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
        let mut versions = self.log_all(permit, vec![log], false, key).await?;
        versions.pop().ok_or(StoreError::NotFound("version"))
    }

    /// Registers up to [`MAX_BATCH`] versions, all or none, in the order given. `permit` is for
    /// [`Action::LogVersions`].
    ///
    /// # Errors
    /// `LIMIT_EXCEEDED`; problems as [`Store::log_version`] has them, located at `versions` and the version's place.
    pub async fn log_versions(
        &self,
        permit: &Permit,
        logs: Vec<LogVersion>,
        key: Option<&IdempotencyKey>,
    ) -> Result<Vec<VersionRecord>, StoreError> {
        limit("versions", logs.len(), MAX_BATCH)?;
        if logs.is_empty() {
            return Err(Problem::new("INVALID_INPUT", "give at least one version").at("versions").into());
        }
        self.log_all(permit, logs, true, key).await
    }

    async fn log_all(
        &self,
        permit: &Permit,
        mut logs: Vec<LogVersion>,
        many: bool,
        key: Option<&IdempotencyKey>,
    ) -> Result<Vec<VersionRecord>, StoreError> {
        require(permit, Action::LogVersions)?;
        logs.iter_mut().for_each(|log| log.version.created_by = permit.user());
        let batch = self.prepare_versions(logs.iter().map(|log| (&log.model, &log.version)), many).await?;
        let simple = self.0.db.is_postgres() && key.is_none() && logs.iter().all(LogVersion::stands_alone);
        let at_once = if simple { self.insert_at_once(project_of(permit)?, &batch, permit).await } else { Ok(None) };
        let at_once = match at_once {
            Err(error) if error.is_collision() => None,
            other => other?,
        };
        let (versions, replayed) = match at_once {
            Some(versions) => (versions, false),
            None => db::again(|| self.log_batch(permit, &logs, &batch, many, key)).await?,
        };
        if !replayed {
            for version in &versions {
                let (model, project) = (version.model, version.project);
                self.bus().publish(Event::VersionRegistered { version: version.id, model, project });
            }
        }
        Ok(versions)
    }

    /// One attempt; also tells whether an earlier request had made them already.
    async fn log_batch(
        &self,
        permit: &Permit,
        logs: &[LogVersion],
        batch: &Batch<'_>,
        many: bool,
        key: Option<&IdempotencyKey>,
    ) -> Result<(Vec<VersionRecord>, bool), StoreError> {
        let project = project_of(permit)?;
        let operation = if many { "logVersions" } else { "logVersion" };
        let txn = self.0.db.begin().await?;
        if let Some(made) = self.claim(&txn, permit, operation, key, &batch.ids()).await? {
            return Ok((self.made_before(&txn, permit, &made).await?, true));
        }
        let found = self.look_up(&txn, permit, logs, many).await?;
        let versions = self.insert_versions(&txn, project, batch, &found, Some(permit)).await?;
        txn.commit().await?;
        self.0.models.remember(project.0, batch.named(&versions));
        Ok((versions, false))
    }

    async fn made_before(
        &self,
        txn: &DatabaseTransaction,
        permit: &Permit,
        made: &[VersionId],
    ) -> Result<Vec<VersionRecord>, StoreError> {
        let mut found = self.versions_in(txn, permit.actor(), made).await?;
        made.iter().map(|id| found.remove(id).ok_or(StoreError::NotFound("version"))).collect()
    }

    /// What is there of all that the versions refer to; nothing is asked for that none refers to.
    async fn look_up(
        &self,
        txn: &DatabaseTransaction,
        permit: &Permit,
        logs: &[LogVersion],
        many: bool,
    ) -> Result<Vec<Found>, StoreError> {
        let (project_row, project) = project_of(permit)?;
        let uploads: Vec<_> = logs.iter().filter_map(|log| log.upload.as_ref().map(|(id, _)| *id)).collect();
        let uploads = self.completed_uploads(txn, &uploads, project, Sender::User(permit.user())).await?;
        let parents: Vec<_> = logs.iter().filter_map(|log| log.version.parent).collect();
        let mut parents = self.versions_in(txn, permit.actor(), &parents).await?;
        // Of another project, or not for these eyes: absent.
        parents.retain(|_, version| version.project_row == project_row);
        let datasets = datasets(txn, permit, logs).await?;

        let find = |log: &LogVersion| {
            let parent = log.version.parent.map(|id| parents.get(&id).ok_or_else(|| absent("version", "parent")));
            if let DatasetOrigin::Here(id) = log.version.dataset
                && !datasets.contains(&id)
            {
                return Err(absent("dataset version", "dataset"));
            }
            let artifact = log.upload.as_ref().map(|upload| artifact(upload, &uploads)).transpose()?;
            Ok(Found { artifact, parent_row: parent.transpose()?.map(|version| version.row) })
        };
        let found = logs.iter().enumerate().map(|(place, log)| find(log).map_err(|p| located(many, place, p).into()));
        found.collect()
    }
}

fn absent(what: &str, field: &str) -> Problem {
    Problem::new("NOT_FOUND", format!("there is no such {what} in this project")).at(field)
}

fn artifact(
    (upload, format): &(UploadId, String),
    uploads: &HashMap<UploadId, Result<crate::files::BlobRecord, Problem>>,
) -> Result<Artifact, Problem> {
    plain_text(format, "format")?;
    let blob = uploads.get(upload).cloned().ok_or_else(|| absent("upload", "upload"))?;
    let blob = blob.map_err(|problem| problem.at("upload"))?;
    Ok(Artifact { sha256: blob.sha256, size: blob.size, name: blob.file_name, format: format.clone() })
}

/// Those of the dataset versions that are in the permit's project.
async fn datasets(
    txn: &DatabaseTransaction,
    permit: &Permit,
    logs: &[LogVersion],
) -> Result<HashSet<DatasetVersionId>, StoreError> {
    let (_, project) = project_of(permit)?;
    let here = |log: &LogVersion| if let DatasetOrigin::Here(id) = log.version.dataset { Some(id.0) } else { None };
    let wanted: HashSet<Uuid> = logs.iter().filter_map(here).collect();
    if wanted.is_empty() {
        return Ok(HashSet::new());
    }
    let mut binds = Binds::from(vec![project.0.into()]);
    let text = format!(
        "SELECT v.id FROM dataset_versions v JOIN datasets d ON d.id = v.dataset_id \
         WHERE d.project_id = $1 AND v.id IN ({})",
        binds.list(wanted)
    );
    let rows = txn.query_all_raw(db::sql(txn, &text, binds.into_values())).await?;
    rows.iter().map(|row| Ok(DatasetVersionId(row.try_get("", "id")?))).collect()
}
