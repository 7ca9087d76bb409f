//! Writes: a file is profiled first, then everything is noted in one transaction or nothing is.

use nunatak_authz::{Action, Permit};
use nunatak_domain::{DatasetId, DatasetVersionId, Name, Problem, UploadId};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
    sea_query::{Expr, ExprTrait},
};
use serde_json::json;

use super::{ColumnRole, DatasetRecord, DatasetVersionRecord, Wishes, convert::NewTable};
use crate::{
    IdempotencyKey, Store, StoreError,
    entities::{dataset_versions as versions, datasets},
    files::Sender,
    scope,
};

/// What a dataset begins with.
#[derive(Debug, Clone)]
pub struct NewDataset {
    pub name: Name,
    pub description: String,
    /// A completed upload of the same project.
    pub upload: UploadId,
    pub columns: Wishes,
}

/// Longer belongs in a document.
const MAX_DESCRIPTION_CHARS: usize = 10_000;

impl Store {
    /// Makes a dataset whose version 1 is the uploaded file.
    ///
    /// # Errors
    /// `TAKEN`, `UPLOAD_INCOMPLETE`, what [`nunatak_tables::convert`] finds wrong; nothing is written then.
    pub async fn create_dataset(
        &self,
        permit: &Permit,
        new: NewDataset,
        key: Option<&IdempotencyKey>,
    ) -> Result<DatasetRecord, StoreError> {
        scope::require(permit, Action::WriteDatasets)?;
        let (_, project) = scope::project_of(permit)?;
        check_description(&new.description)?;
        if let Some(id) = self.replayed(self.0.db.read(), permit, "createDataset", key).await? {
            return self.dataset(permit.actor(), id.into()).await;
        }
        let table = self.read_upload(permit, new.upload, new.columns, Wishes::default()).await?;
        let now = self.now();
        let id = DatasetId::new(now);
        let row = datasets::ActiveModel {
            id: Set(id.0),
            project_id: Set(project.0),
            name: Set(new.name.to_string()),
            description: Set(new.description),
            next_number: Set(2),
            created_by: Set(permit.user().0),
            created_at: Set(now.micros()),
            updated_at: Set(now.micros()),
            deleted_at: Set(None),
        };
        let transaction = self.0.db.begin().await?;
        // Asked again inside: two such requests at once may both have profiled the file.
        if let Some(id) = self.replayed(&transaction, permit, "createDataset", key).await? {
            drop(transaction);
            return self.dataset(permit.actor(), id.into()).await;
        }
        let row = row.insert(&transaction).await;
        let row = row.map_err(|error| StoreError::taken(error, "a dataset with this name", "name"))?;
        self.insert_dataset_version(&transaction, permit, id, 1, table).await?;
        self.remember(&transaction, permit, "createDataset", key, id.0).await?;
        self.audit(&transaction, permit, id, json!({"created": row.name})).await?;
        transaction.commit().await?;
        Ok(row.into())
    }

    /// Adds the uploaded file as the next version. Where the client names no time or label column, those of
    /// the version before hold.
    ///
    /// # Errors
    /// `NotFound`, `SAME_CONTENT`, `UPLOAD_INCOMPLETE`, what [`nunatak_tables::convert`] finds wrong; nothing is written then.
    pub async fn add_dataset_version(
        &self,
        permit: &Permit,
        dataset: DatasetId,
        upload: UploadId,
        columns: Wishes,
        key: Option<&IdempotencyKey>,
    ) -> Result<DatasetVersionRecord, StoreError> {
        scope::require(permit, Action::WriteDatasets)?;
        self.dataset_in(permit, dataset).await?;
        if let Some(id) = self.replayed(self.0.db.read(), permit, "addDatasetVersion", key).await? {
            return self.dataset_version(permit.actor(), id.into()).await;
        }
        let before = self.latest_dataset_versions(permit.actor(), &[dataset]).await?.remove(&dataset);
        let usual = before.map_or_else(Wishes::default, |before| Wishes {
            time_column: before.time_column,
            label_column: before.label_column,
            ..Wishes::default()
        });
        let table = self.read_upload(permit, upload, columns, usual).await?;
        let transaction = self.0.db.begin().await?;
        if let Some(id) = self.replayed(&transaction, permit, "addDatasetVersion", key).await? {
            drop(transaction);
            return self.dataset_version(permit.actor(), id.into()).await;
        }
        let number = self.take_number(&transaction, dataset).await?;
        refuse_same(&transaction, dataset, &table).await?;
        let version = self.insert_dataset_version(&transaction, permit, dataset, number, table).await?;
        self.remember(&transaction, permit, "addDatasetVersion", key, version.id.0).await?;
        self.audit(&transaction, permit, version.id, json!({"dataset": dataset, "number": number})).await?;
        transaction.commit().await?;
        Ok(version)
    }

    /// Changes the description.
    ///
    /// # Errors
    /// `NotFound`, `TOO_LONG`.
    pub async fn update_dataset(
        &self,
        permit: &Permit,
        id: DatasetId,
        description: String,
    ) -> Result<DatasetRecord, StoreError> {
        scope::require(permit, Action::WriteDatasets)?;
        check_description(&description)?;
        self.dataset_in(permit, id).await?;
        let changed = datasets::ActiveModel {
            id: Set(id.0),
            description: Set(description),
            updated_at: Set(self.now().micros()),
            ..Default::default()
        };
        let transaction = self.0.db.begin().await?;
        let row = changed.update(&transaction).await?;
        self.audit(&transaction, permit, id, json!({"changed": ["description"]})).await?;
        transaction.commit().await?;
        Ok(row.into())
    }

    /// Hides a dataset and its versions; its name is free again. Files stay for the versions trained on them.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete_dataset(&self, permit: &Permit, id: DatasetId) -> Result<(), StoreError> {
        scope::require(permit, Action::DeleteDatasets)?;
        let row = self.dataset_in(permit, id).await?;
        let now = self.now().micros();
        let deleted = datasets::ActiveModel {
            id: Set(id.0),
            updated_at: Set(now),
            deleted_at: Set(Some(now)),
            ..Default::default()
        };
        let transaction = self.0.db.begin().await?;
        deleted.update(&transaction).await?;
        self.audit(&transaction, permit, id, json!({"deleted": row.name})).await?;
        transaction.commit().await.map_err(StoreError::from)
    }

    /// A dataset that is not deleted, in the permit's project.
    async fn dataset_in(&self, permit: &Permit, id: DatasetId) -> Result<datasets::Model, StoreError> {
        let (_, project) = scope::project_of(permit)?;
        let select = datasets::Entity::find_by_id(id.0)
            .filter(datasets::Column::ProjectId.eq(project.0))
            .filter(datasets::Column::DeletedAt.is_null());
        select.one(self.0.db.read()).await?.ok_or(StoreError::NotFound("dataset"))
    }

    async fn read_upload(
        &self,
        permit: &Permit,
        upload: UploadId,
        wishes: Wishes,
        usual: Wishes,
    ) -> Result<NewTable, StoreError> {
        let (_, project) = scope::project_of(permit)?;
        let sender = Sender::User(permit.user());
        let blob = self.completed_upload(self.0.db.read(), upload, project, sender).await.map_err(at_upload)?;
        self.convert_upload(blob, wishes, usual).await
    }

    /// Locks the dataset's row for the rest of the transaction and counts on.
    async fn take_number(&self, db: &impl ConnectionTrait, dataset: DatasetId) -> Result<i64, StoreError> {
        let next = Expr::col(datasets::Column::NextNumber).add(1);
        let updated = datasets::Entity::update_many()
            .col_expr(datasets::Column::NextNumber, next)
            .col_expr(datasets::Column::UpdatedAt, Expr::value(self.now().micros()))
            .filter(datasets::Column::Id.eq(dataset.0))
            .filter(datasets::Column::DeletedAt.is_null())
            .exec_with_returning(db)
            .await?;
        updated.first().map(|row| row.next_number - 1).ok_or(StoreError::NotFound("dataset"))
    }

    async fn insert_dataset_version(
        &self,
        txn: &DatabaseTransaction,
        permit: &Permit,
        dataset: DatasetId,
        number: i64,
        table: NewTable,
    ) -> Result<DatasetVersionRecord, StoreError> {
        let (now, NewTable { made, source, profile }) = (self.now(), table);
        let (sha256, size) = (made.sha256.clone(), made.size);
        self.keep_made(txn, made).await?;
        let columns =
            serde_json::to_string(&profile.columns).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let row = versions::ActiveModel {
            id: Set(DatasetVersionId::new(now).0),
            dataset_id: Set(dataset.0),
            number: Set(number),
            sha256: Set(sha256),
            size: Set(size),
            format: Set("PARQUET".to_owned()),
            row_count: Set(profile.row_count),
            columns: Set(columns),
            time_column: Set(profile.name_with(ColumnRole::Time)),
            label_column: Set(profile.name_with(ColumnRole::Label)),
            anomaly_count: Set(profile.anomaly_count),
            source_format: Set(Some(source.format)),
            source_name: Set(Some(source.file.file_name)),
            source_sha256: Set(Some(source.file.sha256)),
            source_size: Set(Some(source.file.size)),
            created_by: Set(permit.user().0),
            created_at: Set(now.micros()),
        };
        row.insert(txn).await?.try_into()
    }
}

/// The same bytes, read the same way, are the same table.
async fn refuse_same(db: &impl ConnectionTrait, dataset: DatasetId, table: &NewTable) -> Result<(), StoreError> {
    let rows = versions::Entity::find()
        .filter(versions::Column::DatasetId.eq(dataset.0))
        .filter(versions::Column::Sha256.eq(&table.made.sha256))
        .order_by_asc(versions::Column::Number)
        .all(db)
        .await?;
    let columns = (table.profile.name_with(ColumnRole::Time), table.profile.name_with(ColumnRole::Label));
    let same = rows.into_iter().find(|row| (&row.time_column, &row.label_column) == (&columns.0, &columns.1));
    same.map_or(Ok(()), |row| {
        let message = format!("this is what version {} holds already; use that one", row.number);
        Err(Problem::new("SAME_CONTENT", message).at("upload").into())
    })
}

fn check_description(description: &str) -> Result<(), StoreError> {
    if description.chars().count() <= MAX_DESCRIPTION_CHARS {
        return Ok(());
    }
    let message = format!("a description has at most {MAX_DESCRIPTION_CHARS} characters");
    Err(Problem::new("TOO_LONG", message).at("description").into())
}

fn at_upload(error: StoreError) -> StoreError {
    match error {
        StoreError::Invalid(problems) => {
            StoreError::Invalid(problems.into_iter().map(|problem| problem.at("upload")).collect())
        }
        other => other,
    }
}
