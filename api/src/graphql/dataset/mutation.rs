use async_graphql::{Context, ID, InputObject, Object};
use nunatak_authz::{Action, Permit};
use nunatak_domain::{DatasetId, Name, ProjectId, UploadId};
use nunatak_store::{
    IdempotencyKey, StoreError,
    datasets::{NewDataset, Wishes},
};

use super::{
    super::{
        context::{ContextExt, parse_id},
        error::ApiError,
        payload::payload,
    },
    Dataset, DatasetVersion,
    format::DatasetFormatInput,
};

/// A dataset to be made from an uploaded file.
#[derive(InputObject, Debug)]
pub struct CreateDatasetInput {
    /// The project that it will be in, `prj_…`.
    project: ID,
    /// 1 to 120 characters, unique in the project.
    name: String,
    /// Free text.
    #[graphql(default)]
    description: String,
    /// A completed upload of the same project, `upl_…`: CSV, TSV, Parquet, XLSX or JSON.
    upload: ID,
    /// How to read it, where that is not plain from the file.
    format: Option<DatasetFormatInput>,
    /// The column that orders the rows in time; `timestamp` or `time` where the header has it.
    time_column: Option<String>,
    /// The column that is 1 for anomalies and 0 otherwise; `label` where the header has it and it is 0 or 1.
    label_column: Option<String>,
    /// Send the same key again when unsure whether the first request arrived: it is carried out once.
    idempotency_key: Option<String>,
}

payload! {
    /// What `createDataset` made.
    CreateDatasetPayload {
        /// The new dataset, with its version 1.
        dataset: Dataset
    }
}

/// An uploaded file to become a dataset's next version.
#[derive(InputObject, Debug)]
pub struct AddDatasetVersionInput {
    /// `ds_…`
    dataset: ID,
    /// A completed upload of the same project, `upl_…`: CSV, TSV, Parquet, XLSX or JSON.
    upload: ID,
    /// How to read it, where that is not plain from the file. What was said of earlier versions does not hold.
    format: Option<DatasetFormatInput>,
    /// As for `createDataset`; where it is left out, the one of the version before.
    time_column: Option<String>,
    /// As for `createDataset`; where it is left out, the one of the version before.
    label_column: Option<String>,
    /// Send the same key again when unsure whether the first request arrived: it is carried out once.
    idempotency_key: Option<String>,
}

payload! {
    /// What `addDatasetVersion` made.
    AddDatasetVersionPayload {
        /// The new version.
        dataset_version: DatasetVersion
    }
}

/// What to change in a dataset.
#[derive(InputObject, Debug)]
pub struct UpdateDatasetInput {
    /// `ds_…`
    id: ID,
    /// A new description, at most 10,000 characters.
    description: String,
}

payload! {
    /// What `updateDataset` changed.
    UpdateDatasetPayload {
        /// The dataset as it is now.
        dataset: Dataset
    }
}

/// Which dataset to delete.
#[derive(InputObject, Debug)]
pub struct DeleteDatasetInput {
    /// `ds_…`
    id: ID,
}

payload! {
    /// What `deleteDataset` removed.
    DeleteDatasetPayload {
        /// The id of the dataset that is gone.
        deleted_id: ID
    }
}

#[derive(Default, Debug)]
pub struct DatasetMutation;

#[Object]
impl DatasetMutation {
    /// Makes a dataset whose version 1 is an uploaded file. The file is read once, checked, and kept as Parquet beside
    /// the file itself; nothing is made where something is wrong with it. The answer comes when that is
    /// done, which takes its time for a large file. Developers and above.
    ///
    /// Problems: `TAKEN`, `UPLOAD_INCOMPLETE`, `INVALID_FORMAT`; in the file `UNSUPPORTED_FORMAT`, `UNREADABLE_FILE`,
    /// `UNSUPPORTED_TYPE`, `FILE_TOO_LARGE`, `UNKNOWN_SHEET`, `DUPLICATE_READING`, `NOT_UTF8`, `EMPTY_FILE`, `NO_ROWS`, `RAGGED_ROW`, `ROW_TOO_LONG`, `TOO_MANY_COLUMNS`, `UNNAMED_COLUMN`, `INVALID_COLUMN_NAME`,
    /// `DUPLICATE_COLUMN`, `UNKNOWN_COLUMN`, `NON_NUMERIC`, `ALL_MISSING`, `BAD_LABEL`, `INVALID_TIME`,
    /// `NO_FEATURES`.
    async fn create_dataset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The dataset to make.")] input: CreateDatasetInput,
    ) -> Result<CreateDatasetPayload, ApiError> {
        CreateDatasetPayload::of(
            async {
                let columns = wishes(input.time_column, input.label_column, input.format)?;
                let request = (&input.project, &input.name, &input.description, &input.upload, &columns);
                let key = input.idempotency_key.clone().map(|key| IdempotencyKey::new(key, &request)).transpose()?;
                let project: ProjectId = parse_id(&input.project, "project")?;
                let permit = ctx.store().project_permit(ctx.actor(), Action::WriteDatasets, project).await?;
                let name = Name::parse(&input.name).map_err(|problem| problem.at("name"))?;
                let upload: UploadId = parse_id(&input.upload, "upload")?;
                let new = NewDataset { name, description: input.description, upload, columns };
                Ok(ctx.store().create_dataset(&permit, new, key.as_ref()).await?.into())
            }
            .await,
        )
    }

    /// Adds an uploaded file as the next version of a dataset. Developers and above.
    ///
    /// Problems: as for `createDataset`, and `SAME_CONTENT` where a version holds these very rows already.
    async fn add_dataset_version(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The version to add.")] input: AddDatasetVersionInput,
    ) -> Result<AddDatasetVersionPayload, ApiError> {
        AddDatasetVersionPayload::of(
            async {
                let columns = wishes(input.time_column, input.label_column, input.format)?;
                let request = (&input.dataset, &input.upload, &columns);
                let key = input.idempotency_key.clone().map(|key| IdempotencyKey::new(key, &request)).transpose()?;
                let (id, permit) = permit_for(ctx, &input.dataset, "dataset", Action::WriteDatasets).await?;
                let upload: UploadId = parse_id(&input.upload, "upload")?;
                Ok(ctx.store().add_dataset_version(&permit, id, upload, columns, key.as_ref()).await?.into())
            }
            .await,
        )
    }

    /// Describes a dataset. Developers and above.
    async fn update_dataset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UpdateDatasetInput,
    ) -> Result<UpdateDatasetPayload, ApiError> {
        UpdateDatasetPayload::of(
            async {
                let (id, permit) = permit_for(ctx, &input.id, "id", Action::WriteDatasets).await?;
                Ok(ctx.store().update_dataset(&permit, id, input.description).await?.into())
            }
            .await,
        )
    }

    /// Removes a dataset and its versions from sight. Models that were trained on them stay. Maintainers and above.
    async fn delete_dataset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: DeleteDatasetInput,
    ) -> Result<DeleteDatasetPayload, ApiError> {
        DeleteDatasetPayload::of(
            async {
                let (id, permit) = permit_for(ctx, &input.id, "id", Action::DeleteDatasets).await?;
                ctx.store().delete_dataset(&permit, id).await?;
                Ok(input.id)
            }
            .await,
        )
    }
}

/// What the client says of the file.
fn wishes(
    time_column: Option<String>,
    label_column: Option<String>,
    format: Option<DatasetFormatInput>,
) -> Result<Wishes, StoreError> {
    let format = format.map(DatasetFormatInput::parse).transpose()?.unwrap_or_default();
    Ok(Wishes { time_column, label_column, format })
}

/// Asks for an action in the project of a dataset that the actor sees.
async fn permit_for(
    ctx: &Context<'_>,
    id: &ID,
    field: &str,
    action: Action,
) -> Result<(DatasetId, Permit), StoreError> {
    let id: DatasetId = parse_id(id, field)?;
    let project = ctx.store().dataset(ctx.actor(), id).await?.project;
    Ok((id, ctx.store().project_permit(ctx.actor(), action, project).await?))
}
