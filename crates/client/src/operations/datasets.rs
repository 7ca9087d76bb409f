//! Datasets.

use graphql_client::GraphQLQuery;

pub use self::create_dataset::{CreateDatasetInput, CreatedDataset};
pub use self::datasets::ListedDataset;
use crate::{Client, ClientError, keyed};

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "../../schema.graphql",
    query_path = "operations/datasets.graphql",
    custom_scalars_module = "crate::scalars",
    variables_derives = "Debug, Clone",
    response_derives = "Debug, Clone",
    skip_serializing_none
)]
pub struct CreateDataset;

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "../../schema.graphql",
    query_path = "operations/datasets.graphql",
    custom_scalars_module = "crate::scalars",
    variables_derives = "Debug, Clone",
    response_derives = "Debug, Clone",
    skip_serializing_none
)]
pub struct Datasets;

impl Client {
    /// Makes a dataset of a completed upload. Without an idempotency key in `input` one is made.
    pub async fn create_dataset(&self, input: CreateDatasetInput) -> Result<CreatedDataset, ClientError> {
        let input = CreateDatasetInput { idempotency_key: keyed(input.idempotency_key), ..input };
        let payload = self.query::<CreateDataset>(create_dataset::Variables { input }).await?.create_dataset;
        payload.dataset.ok_or_else(|| ClientError::missing("createDataset"))
    }

    /// All datasets of `project` (an id), newest first.
    pub async fn datasets(&self, project: &str) -> Result<Vec<ListedDataset>, ClientError> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let variables = datasets::Variables { project: project.into(), after };
            let page = self.query::<Datasets>(variables).await?.datasets;
            found.extend(page.nodes);
            after = page.page_info.end_cursor.filter(|_| page.page_info.has_next_page);
            if after.is_none() {
                return Ok(found);
            }
        }
    }

    /// The dataset of `project` (an id) with exactly this name, if there is one that you may see.
    pub async fn find_dataset(&self, project: &str, name: &str) -> Result<Option<ListedDataset>, ClientError> {
        Ok(self.datasets(project).await?.into_iter().find(|dataset| dataset.name == name))
    }
}
