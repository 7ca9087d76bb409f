//! The catalogue of detectors.

use graphql_client::GraphQLQuery;

pub use self::detectors::CatalogueEntry;
pub use super::enums::InputKind;
use crate::{Client, ClientError};

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "../../schema.graphql",
    query_path = "operations/detectors.graphql",
    custom_scalars_module = "crate::scalars",
    extern_enums("InputKind"),
    variables_derives = "Debug, Clone",
    response_derives = "Debug, Clone",
    skip_serializing_none
)]
pub struct Detectors;

impl Client {
    /// Every detector that a runner has offered, each version by itself, newest first.
    pub async fn detectors(&self) -> Result<Vec<CatalogueEntry>, ClientError> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = self.query::<Detectors>(detectors::Variables { after }).await?.detectors;
            found.extend(page.nodes);
            after = page.page_info.end_cursor.filter(|_| page.page_info.has_next_page);
            if after.is_none() {
                return Ok(found);
            }
        }
    }
}
