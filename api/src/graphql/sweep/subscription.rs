use async_graphql::{Context, Error, ID, Subscription};
use chrono::{DateTime, Utc};
use futures_util::{Stream, StreamExt};
use nunatak_domain::{ProjectId, SweepId, Timestamp};
use nunatak_store::{Event, sweeps::SweepRecord};

use super::{
    super::{
        context::{ContextExt, parse_optional_id},
        error::ApiError,
        live::{AT_ONCE, Ask, follow},
    },
    Sweep,
};

#[derive(Default, Debug)]
pub struct SweepSubscription;

#[Subscription]
impl SweepSubscription {
    /// Each sweep as it is after trials have begun or ended, or it has ended itself. One that is named is sent at once,
    /// too. How far a trial is that runs is said by `jobChanged`. Changes in quick succession may come as one, and a
    /// sweep may come again without a change. Ends when the token does, and after an error.
    async fn sweep_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only this sweep.")] sweep: Option<ID>,
        #[graphql(desc = "Only sweeps of this project.")] project: Option<ID>,
        #[graphql(desc = "First those that may have changed at this moment or later, 1000 at most \
                          (`LIMIT_EXCEEDED`); all that run are among them. To go on after a break, give the \
                          `extensions.since` of the last answer: then nothing is left out, and some is sent twice.")]
        since: Option<DateTime<Utc>>,
    ) -> Result<impl Stream<Item = Result<Sweep, Error>> + use<>, ApiError> {
        let named: Option<SweepId> = parse_optional_id(sweep.as_ref(), "sweep")?;
        let project: Option<ProjectId> = parse_optional_id(project.as_ref(), "project")?;
        let wanted = move |event| match event {
            Event::SweepChanged { sweep, project: of } => {
                let follows = named.is_none_or(|id| id == sweep) && project.is_none_or(|id| id == of);
                follows.then_some(sweep)
            }
            _ => None,
        };
        let start = since.map(Timestamp::from).or(named.map(|_| AT_ONCE));
        let most = ctx.state().options.max_since;
        let sweeps = follow(ctx, start, wanted, move |store, actor, ask| async move {
            match ask {
                Ask::These(ids) => Ok(sorted(store.sweeps_by_ids(&actor, &ids).await?.into_values())),
                Ask::Since(since) => store.sweeps_since(&actor, (named, project), since, most).await,
            }
        });
        Ok(sweeps.map(|sweep| sweep.map(Sweep::from)))
    }
}

fn sorted(sweeps: impl Iterator<Item = SweepRecord>) -> Vec<SweepRecord> {
    let mut sweeps: Vec<SweepRecord> = sweeps.collect();
    sweeps.sort_by_key(|sweep| sweep.id);
    sweeps
}
