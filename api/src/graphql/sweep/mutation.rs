use async_graphql::{Context, ID, InputObject, Object};
use nunatak_authz::Action;
use nunatak_domain::{ProjectId, SweepId};
use nunatak_store::{IdempotencyKey, Permit, Store, StoreError};

use super::{
    super::{
        context::{ContextExt, parse_id},
        error::ApiError,
        payload::payload,
    },
    Sweep,
    input::SweepInput,
};

/// Which sweep.
#[derive(InputObject, Debug)]
pub struct CancelSweepInput {
    /// `swp_…`
    id: ID,
}

payload! {
    /// What `sweep` began.
    SweepPayload {
        /// The sweep; its first trials wait for runners.
        sweep: Sweep
    }
}
payload! {
    /// What `cancelSweep` stopped.
    CancelSweepPayload {
        /// CANCELLED; or RUNNING with `endsAs`, until the runners of its trials have heard of it.
        sweep: Sweep
    }
}

#[derive(Default, Debug)]
pub struct SweepMutation;

#[Object]
impl SweepMutation {
    /// Begins a sweep: trains many versions that differ in detector and hyperparameters, compares them by one metric, and
    /// gives the best an alias where a rule says so. At most 1000 trials. Developers and above; with `promote`
    /// maintainers and above.
    async fn sweep(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to try.")] input: SweepInput,
    ) -> Result<SweepPayload, ApiError> {
        SweepPayload::of(
            async {
                let project: ProjectId = parse_id(&input.project, "project")?;
                let permit = ctx.store().project_permit(ctx.actor(), Action::Train, project).await?;
                let promote = promotion(ctx, &input, project).await?;
                let key = input.idempotency_key.as_ref();
                let key = key.map(|text| IdempotencyKey::new(text.clone(), &input)).transpose()?;
                let store: &Store = ctx.store();
                Ok(store.start_sweep(&permit, promote.as_ref(), &input.request()?, key.as_ref()).await?.into())
            }
            .await,
        )
    }

    /// Stops a sweep: trials that wait at once, those that run soon. Nothing is promoted. Developers and above.
    async fn cancel_sweep(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: CancelSweepInput,
    ) -> Result<CancelSweepPayload, ApiError> {
        CancelSweepPayload::of(
            async {
                let id: SweepId = parse_id(&input.id, "id")?;
                let permit = ctx.store().cancel_sweep_permit(ctx.actor(), id).await?;
                Ok(ctx.store().cancel_sweep(&permit, id).await?.into())
            }
            .await,
        )
    }
}

/// Who may not promote is told so now, and not when the trials are done.
async fn promotion(ctx: &Context<'_>, input: &SweepInput, project: ProjectId) -> Result<Option<Permit>, StoreError> {
    if !input.promotes() {
        return Ok(None);
    }
    ctx.store().project_permit(ctx.actor(), Action::PromoteVersions, project).await.map(Some)
}
