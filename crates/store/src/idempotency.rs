use std::collections::HashMap;

use nunatak_authz::Permit;
use nunatak_domain::Problem;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DatabaseTransaction, EntityTrait, entity::prelude::Uuid,
};
use sha2::{Digest, Sha256};

use crate::{Store, StoreError, db, entities::idempotency_keys, rows::Rows, versions::sql::Binds};

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
            return Err(mismatch().into());
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
    /// Remembers, first thing in the transaction, what the request is about to make, one thing after the other; or
    /// tells what an earlier one with this key made. Two at once: the second waits for the first to end.
    pub(crate) async fn claim<I: From<Uuid> + Into<Uuid> + Copy>(
        &self,
        txn: &DatabaseTransaction,
        permit: &Permit,
        operation: &str,
        key: Option<&IdempotencyKey>,
        results: &[I],
    ) -> Result<Option<Vec<I>>, StoreError> {
        let Some(key) = key else { return Ok(None) };
        let columns = "user_id, operation, idempotency_key, request_hash, result_id, created_at";
        let mut rows = Rows::into("idempotency_keys", columns).tail("ON CONFLICT DO NOTHING");
        // One key, many results: the operation of the second is `logVersions 1`, and so on.
        let place = |place: usize| if place == 0 { operation.to_owned() } else { format!("{operation} {place}") };
        let operations: Vec<_> = (0..results.len()).map(place).collect();
        for (operation, result) in operations.iter().zip(results) {
            let result: Uuid = (*result).into();
            let (user, hash, at) = (permit.user().0, key.request_hash.as_str(), self.now().micros());
            let (operation, key) = (operation.as_str(), key.key.as_str());
            rows.push([user.into(), operation.into(), key.into(), hash.into(), result.into(), at.into()]);
        }
        let mut values = Vec::new();
        let text = rows.statement(txn.get_database_backend(), &mut values);
        if txn.execute_raw(db::sql(txn, &text, values)).await?.rows_affected() == results.len() as u64 {
            return Ok(None);
        }
        let mut binds = Binds::from(vec![permit.user().0.into(), key.key.as_str().into()]);
        let text = format!(
            "SELECT operation, request_hash, result_id FROM idempotency_keys \
             WHERE user_id = $1 AND idempotency_key = $2 AND operation IN ({})",
            binds.list(operations.iter().map(String::as_str))
        );
        let mut made = HashMap::new();
        for row in txn.query_all_raw(db::sql(txn, &text, binds.into_values())).await? {
            if row.try_get::<String>("", "request_hash")? != key.request_hash {
                return Err(mismatch().into());
            }
            made.insert(row.try_get::<String>("", "operation")?, I::from(row.try_get("", "result_id")?));
        }
        Ok(Some(operations.iter().filter_map(|operation| made.get(operation).copied()).collect()))
    }
}

fn mismatch() -> Problem {
    Problem::new("IDEMPOTENCY_MISMATCH", "this idempotency key was used for another request; take a new one")
        .at("idempotencyKey")
}
