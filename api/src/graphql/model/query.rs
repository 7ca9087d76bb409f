use async_graphql::{Context, ID, InputObject, Object, connection::Connection};
use nunatak_domain::ModelId;
use nunatak_store::models::ModelFilter as StoreFilter;

use super::{
    super::{
        connection::{connection, page_cost, page_request},
        context::{ContextExt, parse_id, parse_optional_id},
        error::ApiError,
    },
    Model,
};

/// Which models to list; what is left out does not restrict.
#[derive(InputObject, Debug, Default)]
pub struct ModelFilter {
    /// Those in this project, `prj_…`.
    project: Option<ID>,
    /// Those with exactly this name.
    name: Option<String>,
    /// Those with this text in their name, whatever the case (of ASCII letters).
    name_contains: Option<String>,
}

#[derive(Default, Debug)]
pub struct ModelQuery;

#[Object]
impl ModelQuery {
    /// A model by its id; null where there is none that you may see.
    async fn model(&self, ctx: &Context<'_>, #[graphql(desc = "`mdl_…`")] id: ID) -> Result<Option<Model>, ApiError> {
        Ok(ctx.load(parse_id::<ModelId>(&id, "id")?).await?.map(Model::from))
    }

    /// A project's model by its name; null where there is none that you may see.
    async fn model_by_name(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The project, `prj_…`.")] project: ID,
        #[graphql(desc = "The model's name.")] name: String,
    ) -> Result<Option<Model>, ApiError> {
        let project = parse_id(&project, "project")?;
        Ok(ctx.store().model_by_name(ctx.actor(), project, &name).await?.map(Model::from))
    }

    /// The models that you may see, newest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn models(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones.")] filter: Option<ModelFilter>,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor.")] before: Option<String>,
    ) -> Result<Connection<String, Model>, ApiError> {
        let filter = filter.unwrap_or_default();
        let page = page_request(first, after, last, before)?;
        let project = parse_optional_id(filter.project.as_ref(), "project")?;
        let filter = StoreFilter { project, name: filter.name, name_contains: filter.name_contains };
        Ok(connection(ctx.store().models(ctx.actor(), &filter, &page).await?, Model::from))
    }
}
