use nunatak_authz::Permit;
use nunatak_domain::Problem;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ConnectionTrait, EntityTrait, entity::prelude::Uuid};
use sha2::{Digest, Sha256};

use crate::{Store, StoreError, entities::idempotency_keys};

/// A client's promise that two requests with this key are one.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    key: String,
    request_hash: String,
}

impl IdempotencyKey {
    /// `request` is the input in some stable form: the same key with another request is refused.
    ///
    /// # Errors
    /// `INVALID_INPUT` for an empty key or one above 200 bytes.
    pub fn new(key: String, request: &impl std::fmt::Debug) -> Result<Self, Problem> {
        if key.is_empty() || key.len() > 200 {
            let problem = Problem::new("INVALID_INPUT", "an idempotency key has 1 to 200 bytes");
            return Err(problem.at("idempotencyKey"));
        }
        let request_hash = hex::encode(Sha256::digest(format!("{request:?}")));
        Ok(Self { key, request_hash })
    }
}

impl Store {
    /// The id that an earlier request with this key made, if there was one. Call first in the transaction.
    pub(crate) async fn replayed(
        &self,
        db: &impl ConnectionTrait,
        permit: &Permit,
        operation: &str,
        key: Option<&IdempotencyKey>,
    ) -> Result<Option<Uuid>, StoreError> {
        let Some(key) = key else { return Ok(None) };
        let id = (permit.user().0, operation.to_owned(), key.key.clone());
        let Some(row) = idempotency_keys::Entity::find_by_id(id).one(db).await? else { return Ok(None) };
        if row.request_hash != key.request_hash {
            let message = "this idempotency key was used for another request; take a new one";
            return Err(Problem::new("IDEMPOTENCY_MISMATCH", message).at("idempotencyKey").into());
        }
        Ok(Some(row.result_id))
    }

    /// Remembers what the request made, in the same transaction. Two at once: the second fails to insert
    /// and is told to send again, then finds the first's result.
    pub(crate) async fn remember(
        &self,
        db: &impl ConnectionTrait,
        permit: &Permit,
        operation: &str,
        key: Option<&IdempotencyKey>,
        result: Uuid,
    ) -> Result<(), StoreError> {
        let Some(key) = key else { return Ok(()) };
        let row = idempotency_keys::ActiveModel {
            user_id: Set(permit.user().0),
            operation: Set(operation.to_owned()),
            idempotency_key: Set(key.key.clone()),
            request_hash: Set(key.request_hash.clone()),
            result_id: Set(result),
            created_at: Set(self.now().micros()),
        };
        row.insert(db).await.map_err(|error| StoreError::taken(error, "a request with this key", "idempotencyKey"))?;
        Ok(())
    }
}
