use async_graphql::{Context, Error, ID, Subscription};
use chrono::{DateTime, Utc};
use futures_util::{Stream, StreamExt};
use nunatak_domain::{JobId, ProjectId, Timestamp};
use nunatak_store::{Event, jobs::JobRecord};

use super::{
    super::{
        context::{ContextExt, parse_optional_id},
        error::ApiError,
        live::{AT_ONCE, Ask, follow},
    },
    Job,
};

#[derive(Default, Debug)]
pub struct JobSubscription;

#[Subscription]
impl JobSubscription {
    /// Each job as it is after a change: queued, claimed, moved on, ended. A job that is named is sent at once,
    /// too. Changes in quick succession may come as one, and a job may come again without a change. Ends when the
    /// token does, and after an error.
    async fn job_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only this job.")] job: Option<ID>,
        #[graphql(desc = "Only jobs of this project.")] project: Option<ID>,
        #[graphql(desc = "First those that may have changed at this moment or later, 1000 at most \
                          (`LIMIT_EXCEEDED`); all that run are among them. To go on after a break, give the \
                          `extensions.since` of the last answer: then nothing is left out, and some is sent twice.")]
        since: Option<DateTime<Utc>>,
    ) -> Result<impl Stream<Item = Result<Job, Error>> + use<>, ApiError> {
        let named: Option<JobId> = parse_optional_id(job.as_ref(), "job")?;
        let project: Option<ProjectId> = parse_optional_id(project.as_ref(), "project")?;
        let wanted = move |event| match event {
            Event::JobChanged { job, project: of } => {
                let follows = named.is_none_or(|id| id == job) && project.is_none_or(|id| id == of);
                follows.then_some(job)
            }
            _ => None,
        };
        let start = since.map(Timestamp::from).or(named.map(|_| AT_ONCE));
        let most = ctx.state().options.max_since;
        let jobs = follow(ctx, start, wanted, move |store, actor, ask| async move {
            match ask {
                Ask::These(ids) => Ok(sorted(store.jobs_by_ids(&actor, &ids).await?.into_values())),
                Ask::Since(since) => store.jobs_since(&actor, (named, project), since, most).await,
            }
        });
        Ok(jobs.map(|job| job.map(Job::from)))
    }
}

fn sorted(jobs: impl Iterator<Item = JobRecord>) -> Vec<JobRecord> {
    let mut jobs: Vec<JobRecord> = jobs.collect();
    jobs.sort_by_key(|job| job.id);
    jobs
}
