//! Workspaces.

use graphql_client::GraphQLQuery;

pub use self::create_workspace::CreateWorkspaceInput;
use crate::{Client, ClientError, keyed};

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "../../schema.graphql",
    query_path = "operations/workspaces.graphql",
    custom_scalars_module = "crate::scalars",
    variables_derives = "Debug, Clone",
    response_derives = "Debug, Clone",
    skip_serializing_none
)]
pub struct CreateWorkspace;

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "../../schema.graphql",
    query_path = "operations/workspaces.graphql",
    custom_scalars_module = "crate::scalars",
    variables_derives = "Debug, Clone",
    response_derives = "Debug, Clone",
    skip_serializing_none
)]
pub struct FindWorkspace;

impl Client {
    /// Makes a workspace and gives its id.
    pub async fn create_workspace(&self, name: &str, description: &str) -> Result<String, ClientError> {
        let input =
            CreateWorkspaceInput { name: name.into(), description: description.into(), idempotency_key: keyed(None) };
        let payload = self.query::<CreateWorkspace>(create_workspace::Variables { input }).await?.create_workspace;
        Ok(payload.workspace.ok_or_else(|| ClientError::missing("createWorkspace"))?.id)
    }

    /// The id of the workspace with exactly this name, if there is one that you may see.
    pub async fn find_workspace(&self, name: &str) -> Result<Option<String>, ClientError> {
        let data = self.query::<FindWorkspace>(find_workspace::Variables { name: name.into() }).await?;
        Ok(data.workspaces.nodes.into_iter().next().map(|workspace| workspace.id))
    }
}
