use async_graphql::{Context, ID, InputObject, Object};
use nunatak_domain::VersionId;
use nunatak_store::{IdempotencyKey, StoreError, schedules::PromoteRule};

use super::{
    super::{
        context::{ContextExt, parse_id},
        error::ApiError,
        metric::MetricDirection,
        payload::payload,
        schedule::{PromoteInput, ScheduleDataInput},
    },
    Promotion,
};

/// Which version should get which alias, if it is better.
#[derive(InputObject, Debug)]
pub struct PromoteIfBetterInput {
    /// The version, `ver_…`.
    version: ID,
    /// The alias; made where the model has none of that name.
    #[graphql(default = "champion")]
    alias: String,
    /// The metric by which it is compared with the version that the alias names.
    metric: String,
    /// Which end of it is good; what the project declares of the metric unless given.
    direction: Option<MetricDirection>,
    /// By how much it must be better at least; 0 for any.
    #[graphql(default = 0.0)]
    min_improvement: f64,
    /// The labelled rows on which both are evaluated, best such that neither was trained on. Unless given, what the
    /// trainings reported is compared where both were trained on one dataset version; else both are evaluated on the
    /// rows that this version was trained on.
    evaluate_on: Option<ScheduleDataInput>,
    /// Send the same key again when unsure whether the first request arrived: it is carried out once.
    idempotency_key: Option<String>,
}

impl PromoteIfBetterInput {
    fn rule(&self) -> Result<PromoteRule, StoreError> {
        let input = PromoteInput {
            alias: self.alias.clone(),
            metric: self.metric.clone(),
            direction: self.direction,
            min_improvement: self.min_improvement,
            evaluate_on: self.evaluate_on.clone(),
        };
        input.parse()
    }
}

payload! {
    /// What `promoteIfBetter` came to.
    PromoteIfBetterPayload {
        /// The comparison: COMPARING while evaluations run.
        promotion: Promotion
    }
}

#[derive(Default, Debug)]
pub struct PromotionMutation;

#[Object]
impl PromotionMutation {
    /// Moves an alias to a version if that is better than the one that the alias names, measured on the same rows.
    /// Where evaluations are needed, they are queued, and it is decided when they are over. Maintainers and above.
    async fn promote_if_better(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which version, and how to compare.")] input: PromoteIfBetterInput,
    ) -> Result<PromoteIfBetterPayload, ApiError> {
        PromoteIfBetterPayload::of(
            async {
                let id: VersionId = parse_id(&input.version, "version")?;
                let version = ctx.store().version(ctx.actor(), id).await?;
                let rights = ctx.store().schedule_rights(ctx.actor(), version.project, true).await?;
                let key = input.idempotency_key.as_ref();
                let key = key.map(|text| IdempotencyKey::new(text.clone(), &input)).transpose()?;
                Ok(ctx.store().promote_if_better(&rights, id, &input.rule()?, key.as_ref()).await?.into())
            }
            .await,
        )
    }
}
