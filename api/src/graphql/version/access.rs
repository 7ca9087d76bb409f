use async_graphql::{Context, ID};
use nunatak_authz::{Action, Permit};
use nunatak_domain::VersionId;
use nunatak_store::StoreError;

use super::super::context::{ContextExt, parse_id};

/// A version that the viewer sees, and a permit for its project.
pub(crate) async fn version_permit(
    ctx: &Context<'_>,
    id: &ID,
    field: &str,
    action: Action,
) -> Result<(VersionId, Permit), StoreError> {
    let id: VersionId = parse_id(id, field)?;
    let version = ctx.store().version(ctx.actor(), id).await?;
    Ok((id, ctx.store().project_permit(ctx.actor(), action, version.project).await?))
}
