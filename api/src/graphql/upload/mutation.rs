use async_graphql::{Context, ID, InputObject, Object};
use nunatak_authz::Action;
use nunatak_domain::{ProjectId, UploadId};
use nunatak_store::{IdempotencyKey, files::NewUpload};

use super::{
    super::{
        context::{ContextExt, parse_id},
        error::ApiError,
        payload::payload,
        scalars::{Int64, Sha256},
    },
    Upload,
};

/// A file to be sent.
#[derive(InputObject, Debug)]
pub struct CreateUploadInput {
    /// The project that the file is for, `prj_…`.
    project: ID,
    /// 1 to 255 bytes, without a path.
    file_name: String,
    /// Bytes of the whole file, 1 to 50 GiB unless the installation says otherwise.
    size: Int64,
    /// The checksum that the received bytes must have; without it none is expected.
    sha256: Option<Sha256>,
    /// Send the same key again when unsure whether the first request arrived: it is carried out once.
    idempotency_key: Option<String>,
}

payload! {
    /// What `createUpload` made.
    CreateUploadPayload {
        /// The upload; send the bytes to its `url`.
        upload: Upload
    }
}

/// Which upload to end.
#[derive(InputObject, Debug)]
pub struct CompleteUploadInput {
    /// `upl_…`
    id: ID,
}

payload! {
    /// What `completeUpload` ended.
    CompleteUploadPayload {
        /// The upload, complete.
        upload: Upload
    }
}

#[derive(Default, Debug)]
pub struct UploadMutation;

#[Object]
impl UploadMutation {
    /// Announces a file. Send its bytes within a day, then call `completeUpload`. Developers and above.
    ///
    /// Problems: `INVALID_FILE_NAME`, `EMPTY_FILE`, `LIMIT_EXCEEDED`.
    async fn create_upload(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The file to announce.")] input: CreateUploadInput,
    ) -> Result<CreateUploadPayload, ApiError> {
        CreateUploadPayload::of(
            async {
                let request = (&input.project, &input.file_name, input.size, &input.sha256);
                let key = input.idempotency_key.clone().map(|key| IdempotencyKey::new(key, &request)).transpose()?;
                let project: ProjectId = parse_id(&input.project, "project")?;
                let permit = ctx.store().project_permit(ctx.actor(), Action::CreateUpload, project).await?;
                let new = NewUpload::parse(input.file_name, input.size.0, input.sha256.map(|sha256| sha256.0))?;
                Ok(ctx.store().create_upload(&permit, new, key.as_ref()).await?.into())
            }
            .await,
        )
    }

    /// Ends an upload of your own: checks size and checksum and makes the file usable. May be repeated.
    ///
    /// Problems: `UPLOAD_INCOMPLETE`, `CHECKSUM_MISMATCH` (the bytes are dropped; start anew), `UPLOAD_BUSY`
    /// (a body is still arriving), `UPLOAD_CLOSED`.
    async fn complete_upload(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: CompleteUploadInput,
    ) -> Result<CompleteUploadPayload, ApiError> {
        CompleteUploadPayload::of(
            async {
                let id: UploadId = parse_id(&input.id, "id")?;
                let project = ctx.store().upload(ctx.actor(), id).await?.project;
                let permit = ctx.store().project_permit(ctx.actor(), Action::CreateUpload, project).await?;
                Ok(ctx.store().complete_upload(&permit, id).await?.into())
            }
            .await,
        )
    }
}
