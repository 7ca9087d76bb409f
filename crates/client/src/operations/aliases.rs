//! Aliases: movable names of a model's versions.

use graphql_client::GraphQLQuery;

use crate::{Client, ClientError};

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "../../schema.graphql",
    query_path = "operations/aliases.graphql",
    custom_scalars_module = "crate::scalars",
    variables_derives = "Debug, Clone",
    response_derives = "Debug, Clone",
    skip_serializing_none
)]
pub struct MoveAlias;

impl Client {
    /// Points the alias `name` at `version` (an id), with a reason for the history.
    pub async fn move_alias(&self, version: &str, name: &str, reason: Option<&str>) -> Result<(), ClientError> {
        let input =
            move_alias::MoveAliasInput { version: version.into(), name: name.into(), reason: reason.map(Into::into) };
        self.query::<MoveAlias>(move_alias::Variables { input }).await.map(drop)
    }
}
