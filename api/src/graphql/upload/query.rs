use async_graphql::{Context, ID, Object};
use nunatak_domain::UploadId;

use super::{
    super::{
        context::{ContextExt, parse_id},
        error::ApiError,
    },
    Upload,
};

#[derive(Default, Debug)]
pub struct UploadQuery;

#[Object]
impl UploadQuery {
    /// An upload of your own by its id: `received` tells where to go on. Null where there is none.
    async fn upload(
        &self, ctx: &Context<'_>, #[graphql(desc = "`upl_…`")] id: ID
    ) -> Result<Option<Upload>, ApiError> {
        Ok(ctx.load(parse_id::<UploadId>(&id, "id")?).await?.map(Upload::from))
    }
}
