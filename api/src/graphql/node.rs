//! `node(id:)`: anything by its id.

use async_graphql::{Context, ID, Interface, Object};
use nunatak_domain::{ProjectId, UserId, WorkspaceId, ids::prefix_of};

use super::{
    context::{ContextExt, parse_id},
    error::ApiError,
    project::Project,
    viewer::User,
    workspace::Workspace,
};

/// Anything that has an id.
#[derive(Interface, Debug)]
#[graphql(field(name = "id", ty = "ID", desc = "The id, with a prefix that tells the type: `ver_01j…`."))]
pub enum Node {
    User(User),
    Workspace(Workspace),
    Project(Project),
}

#[derive(Default, Debug)]
pub struct NodeQuery;

#[Object]
impl NodeQuery {
    /// Anything by its id; null where there is nothing that you may see.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the thing.")] id: ID,
    ) -> Result<Option<Node>, ApiError> {
        Ok(match prefix_of(&id) {
            UserId::PREFIX => ctx.load(parse_id::<UserId>(&id, "id")?).await?.map(|user| Node::User(user.into())),
            WorkspaceId::PREFIX => {
                ctx.load(parse_id::<WorkspaceId>(&id, "id")?).await?.map(|found| Node::Workspace(found.into()))
            }
            ProjectId::PREFIX => {
                ctx.load(parse_id::<ProjectId>(&id, "id")?).await?.map(|found| Node::Project(found.into()))
            }
            _ => None,
        })
    }
}
