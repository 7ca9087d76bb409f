use std::collections::HashMap;

use nunatak_authz::Actor;
use nunatak_domain::UploadId;
use nunatak_store::{Store, StoreError, files::UploadRecord};

use super::super::loaders::BatchKey;

impl BatchKey for UploadId {
    type Value = UploadRecord;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, UploadRecord>, StoreError> {
        store.uploads_by_ids(actor, keys).await
    }
}
