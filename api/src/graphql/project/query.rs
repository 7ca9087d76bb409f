use async_graphql::{Context, ID, InputObject, Object, connection::Connection};
use nunatak_domain::ProjectId;
use nunatak_store::organisation::ProjectFilter as StoreFilter;

use super::{
    super::{
        connection::{connection, page_cost, page_request},
        context::{ContextExt, parse_id, parse_optional_id},
        error::ApiError,
    },
    Project,
};

/// Which projects to list; what is left out does not restrict.
#[derive(InputObject, Debug, Default)]
pub struct ProjectFilter {
    /// Those in this workspace.
    workspace: Option<ID>,
    /// The one with exactly this name.
    name: Option<String>,
    /// Those with this text in their name, as typed.
    name_contains: Option<String>,
}

#[derive(Default, Debug)]
pub struct ProjectQuery;

#[Object]
impl ProjectQuery {
    /// A project by its id; null where there is none that you may see.
    async fn project(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "`prj_…`")] id: ID,
    ) -> Result<Option<Project>, ApiError> {
        Ok(ctx.load(parse_id::<ProjectId>(&id, "id")?).await?.map(Project::from))
    }

    /// The projects that you may see, newest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn projects(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones.")] filter: Option<ProjectFilter>,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor.")] before: Option<String>,
    ) -> Result<Connection<String, Project>, ApiError> {
        let filter = filter.unwrap_or_default();
        let page = page_request(first, after, last, before)?;
        let workspace = parse_optional_id(filter.workspace.as_ref(), "workspace")?;
        let filter = StoreFilter { workspace, name: filter.name, name_contains: filter.name_contains };
        let page = ctx.store().projects(ctx.actor(), &filter, &page).await?;
        Ok(connection(page, Project::from))
    }
}
