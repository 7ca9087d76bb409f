use std::collections::BTreeSet;

use async_graphql::{Context, Error, ID, Subscription};
use futures_util::{Stream, StreamExt, stream};
use nunatak_domain::{JobId, PageRequest, ProjectId};
use nunatak_store::{
    Event,
    jobs::{JobFilter, JobRecord},
};

use super::{
    super::{
        context::{ContextExt, parse_optional_id},
        error::ApiError,
        live::{Heard, listen},
    },
    Job,
};
use crate::{
    ApiState,
    http::auth::{Credential, authenticate},
};

/// Events that are already there are answered together: a job that changed several times is sent once.
const CONFLATED: usize = 256;

#[derive(Default, Debug)]
pub struct JobSubscription;

/// What one client follows, and with whose eyes.
struct Follower {
    state: ApiState,
    credential: Credential,
    job: Option<JobId>,
    project: Option<ProjectId>,
}

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
        let follower = Follower {
            state: ctx.state().clone(),
            credential: ctx.request().credential.clone(),
            job: parse_optional_id(job.as_ref(), "job")?,
            project: parse_optional_id(project.as_ref(), "project")?,
        };
        // Listens first, then reads: what happens in between is sent twice rather than not at all.
        let events = listen(ctx.store().bus()).ready_chunks(CONFLATED);
        let named = stream::iter(follower.job.map(|_| vec![Heard::Lagged]));
        let heard = Box::pin(named.chain(events));
        let batches = stream::unfold((follower, heard), |(follower, mut heard)| async move {
            let batch = follower.answer(heard.next().await?).await?;
            Some((batch, (follower, heard)))
        });
        Ok(batches.flat_map(stream::iter))
    }
}

impl Follower {
    /// The jobs to send after what was heard; `None` once the client's token has ended.
    async fn answer(&self, heard: Vec<Heard>) -> Option<Vec<Result<Job, Error>>> {
        let mut changed = BTreeSet::new();
        let mut missed = false;
        for heard in heard {
            match heard {
                Heard::Event(Event::JobChanged { job, project }) if self.follows(job, project) => {
                    changed.insert(job);
                }
                Heard::Event(_) => {}
                Heard::Lagged => missed = true,
            }
        }
        if changed.is_empty() && !missed {
            return Some(Vec::new());
        }
        // Asked again each time: roles change and tokens end.
        let actor = authenticate(&self.state, &self.credential).await.ok()?;
        let found = match (missed, self.job) {
            (true, Some(job)) => {
                self.state.store.jobs_by_ids(&actor, &[job]).await.map(|found| sorted(found.into_values()))
            }
            (true, None) => {
                let filter = JobFilter { project: self.project, ..JobFilter::default() };
                let newest = PageRequest::first(PageRequest::MAX.unsigned_abs());
                let page = self.state.store.job_page(&actor, &filter, &newest).await;
                page.map(|page| sorted(page.items.into_iter().map(|(_, job)| job)))
            }
            (false, _) => {
                let ids: Vec<JobId> = changed.into_iter().collect();
                self.state.store.jobs_by_ids(&actor, &ids).await.map(|found| sorted(found.into_values()))
            }
        };
        Some(match found {
            Ok(jobs) => jobs.into_iter().map(|job| Ok(Job::from(job))).collect(),
            Err(error) => vec![Err(ApiError::from(error).into())],
        })
    }

    fn follows(&self, job: JobId, project: ProjectId) -> bool {
        self.job.is_none_or(|followed| followed == job) && self.project.is_none_or(|followed| followed == project)
    }
}

fn sorted(jobs: impl Iterator<Item = JobRecord>) -> Vec<JobRecord> {
    let mut jobs: Vec<JobRecord> = jobs.collect();
    jobs.sort_by_key(|job| job.id);
    jobs
}
