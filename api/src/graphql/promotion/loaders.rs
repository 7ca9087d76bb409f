use std::collections::HashMap;

use nunatak_authz::Actor;
use nunatak_domain::PromotionId;
use nunatak_store::{Store, StoreError, promotions::PromotionRecord};

use super::super::loaders::BatchKey;

impl BatchKey for PromotionId {
    type Value = PromotionRecord;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, PromotionRecord>, StoreError> {
        store.promotions_by_ids(actor, keys).await
    }
}
