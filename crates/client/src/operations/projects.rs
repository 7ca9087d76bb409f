//! Projects.

use graphql_client::GraphQLQuery;

pub use self::create_project::CreateProjectInput;
use crate::{Client, ClientError, keyed};

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "../../schema.graphql",
    query_path = "operations/projects.graphql",
    custom_scalars_module = "crate::scalars",
    variables_derives = "Debug, Clone",
    response_derives = "Debug, Clone",
    skip_serializing_none
)]
pub struct CreateProject;

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "../../schema.graphql",
    query_path = "operations/projects.graphql",
    custom_scalars_module = "crate::scalars",
    variables_derives = "Debug, Clone",
    response_derives = "Debug, Clone",
    skip_serializing_none
)]
pub struct FindProject;

impl Client {
    /// Makes a project in `workspace` (an id) and gives its id.
    pub async fn create_project(&self, workspace: &str, name: &str, description: &str) -> Result<String, ClientError> {
        let input = CreateProjectInput {
            workspace: workspace.into(),
            name: name.into(),
            description: description.into(),
            git_url: None,
            idempotency_key: keyed(None),
        };
        let payload = self.query::<CreateProject>(create_project::Variables { input }).await?.create_project;
        Ok(payload.project.ok_or_else(|| ClientError::missing("createProject"))?.id)
    }

    /// The id of the project of `workspace` (an id) with exactly this name, if there is one that you may see.
    pub async fn find_project(&self, workspace: &str, name: &str) -> Result<Option<String>, ClientError> {
        let variables = find_project::Variables { workspace: workspace.into(), name: name.into() };
        let data = self.query::<FindProject>(variables).await?;
        Ok(data.projects.nodes.into_iter().next().map(|project| project.id))
    }
}
