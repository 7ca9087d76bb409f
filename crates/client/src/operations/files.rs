//! The GraphQL side of moving files; [`Client::upload`] and [`Client::download`] do the rest.

use graphql_client::GraphQLQuery;

pub use self::create_upload::CreatedUpload;
pub use super::enums::UploadStatus;
use crate::{Client, ClientError, keyed};

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "../../schema.graphql",
    query_path = "operations/files.graphql",
    custom_scalars_module = "crate::scalars",
    extern_enums("UploadStatus"),
    variables_derives = "Debug, Clone",
    response_derives = "Debug, Clone",
    skip_serializing_none
)]
pub struct CreateUpload;

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "../../schema.graphql",
    query_path = "operations/files.graphql",
    custom_scalars_module = "crate::scalars",
    variables_derives = "Debug, Clone",
    response_derives = "Debug, Clone",
    skip_serializing_none
)]
pub struct CompleteUpload;

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "../../schema.graphql",
    query_path = "operations/files.graphql",
    custom_scalars_module = "crate::scalars",
    variables_derives = "Debug, Clone",
    response_derives = "Debug, Clone",
    skip_serializing_none
)]
pub struct UploadState;

impl Client {
    pub(crate) async fn create_upload(
        &self,
        project: &str,
        file_name: &str,
        size: i64,
        sha256: &str,
    ) -> Result<CreatedUpload, ClientError> {
        let input = create_upload::CreateUploadInput {
            project: project.into(),
            file_name: file_name.into(),
            size: size.into(),
            sha256: Some(sha256.into()),
            idempotency_key: keyed(None),
        };
        let payload = self.query::<CreateUpload>(create_upload::Variables { input }).await?.create_upload;
        payload.upload.ok_or_else(|| ClientError::missing("createUpload"))
    }

    pub(crate) async fn complete_upload(&self, id: &str) -> Result<(), ClientError> {
        let input = complete_upload::CompleteUploadInput { id: id.into() };
        self.query::<CompleteUpload>(complete_upload::Variables { input }).await.map(drop)
    }

    /// How many bytes of an upload the server has.
    pub(crate) async fn upload_received(&self, id: &str) -> Result<u64, ClientError> {
        let data = self.query::<UploadState>(upload_state::Variables { id: id.into() }).await?;
        let upload = data.upload.ok_or_else(|| ClientError::protocol("the upload is gone"))?;
        Ok(i64::from(upload.received).max(0) as u64)
    }
}
