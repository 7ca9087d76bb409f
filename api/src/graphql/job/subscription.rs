use async_graphql::{Context, Error, ID, Subscription};
use futures_util::{Stream, StreamExt};
use nunatak_domain::{JobId, PageRequest, ProjectId};
use nunatak_store::{
    Event,
    jobs::{JobFilter, JobRecord},
};

use super::{
    super::{context::parse_optional_id, error::ApiError, live::follow},
    Job,
};

#[derive(Default, Debug)]
pub struct JobSubscription;

#[Subscription]
impl JobSubscription {
    /// Each job as it is after a change: queued, claimed, moved on, ended. A job that is named is sent at once,
    /// too. Changes in quick succession may come as one. Ends when the token does.
    async fn job_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only this job.")] job: Option<ID>,
        #[graphql(desc = "Only jobs of this project.")] project: Option<ID>,
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
        let jobs = follow(ctx, named.is_some(), wanted, move |store, actor, changed: Option<Vec<JobId>>| async move {
            if let Some(ids) = changed.or(named.map(|id| vec![id])) {
                return Ok(sorted(store.jobs_by_ids(&actor, &ids).await?.into_values()));
            }
            let filter = JobFilter { project, ..JobFilter::default() };
            let newest = PageRequest::first(PageRequest::MAX.unsigned_abs());
            let page = store.job_page(&actor, &filter, &newest).await?;
            Ok(sorted(page.items.into_iter().map(|(_, job)| job)))
        });
        Ok(jobs.map(|job| job.map(Job::from)))
    }
}

fn sorted(jobs: impl Iterator<Item = JobRecord>) -> Vec<JobRecord> {
    let mut jobs: Vec<JobRecord> = jobs.collect();
    jobs.sort_by_key(|job| job.id);
    jobs
}
