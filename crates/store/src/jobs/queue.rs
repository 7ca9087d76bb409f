//! Jobs for what asks for them by itself: checked, and queued inside the transaction that caused them.

use nunatak_authz::{Action, Permit};
use nunatak_domain::JobKind;
use sea_orm::DatabaseTransaction;

use super::{
    ApplyRequest, Cause, JobRecord, TrainRequest,
    request::check_bounds,
    submit::{caused, operation},
};
use crate::{Store, StoreError, scope};

impl Store {
    /// Whether a training could be queued now. To be asked in a transaction that is given up: it may make the model.
    ///
    /// # Errors
    /// Those of [`Store::train_model`].
    pub(crate) async fn check_training(
        &self,
        txn: &DatabaseTransaction,
        permit: &Permit,
        request: &TrainRequest,
    ) -> Result<(), StoreError> {
        scope::require(permit, Action::Train)?;
        request.check()?;
        self.new_training(txn, permit, request).await?;
        Ok(())
    }

    /// Queues a prediction or evaluation inside the transaction that caused it. To be told to the bus
    /// ([`Store::job_changed`]) once the transaction is committed.
    ///
    /// # Errors
    /// Those of [`Store::predict`] and [`Store::evaluate`].
    pub(crate) async fn queue_application(
        &self,
        txn: &DatabaseTransaction,
        permit: &Permit,
        request: &ApplyRequest,
        kind: JobKind,
        cause: Cause,
    ) -> Result<JobRecord, StoreError> {
        scope::require(permit, Action::Predict)?;
        check_bounds(request.priority, request.max_attempts)?;
        let row = self.new_application(txn, permit, request, kind).await?;
        let row = caused(row, cause);
        self.insert_job(txn, permit, row, operation(kind)).await
    }

    /// Whether a prediction or evaluation could be queued now; writes nothing.
    ///
    /// # Errors
    /// Those of [`Store::predict`] and [`Store::evaluate`].
    pub(crate) async fn check_application(
        &self,
        txn: &DatabaseTransaction,
        permit: &Permit,
        request: &ApplyRequest,
        kind: JobKind,
    ) -> Result<(), StoreError> {
        scope::require(permit, Action::Predict)?;
        self.new_application(txn, permit, request, kind).await?;
        Ok(())
    }
}
