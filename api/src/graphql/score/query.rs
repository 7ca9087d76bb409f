use std::time::Duration;

use async_graphql::{Context, Object};
use nunatak_domain::{Problem, UserId};
use nunatak_store::scoring::Scorable;

use super::{
    super::{context::ContextExt, error::ApiError},
    input::ScoreInput,
    types::{ScorePayload, ScoredRows},
};
use crate::scoring::{Artifact, Failed, Question, ScoringRunners};

/// A version's file is loaded by then, or with the next request's token.
const FILE_TOKEN: Duration = Duration::from_secs(120);

#[derive(Default, Debug)]
pub struct ScoreQuery;

#[Object]
impl ScoreQuery {
    /// Scores rows at once with a version that a runner keeps warm, and keeps nothing: hence a query, which may be sent
    /// again, with a token that only reads. An alias is looked up with each request. Reporters and above. For more rows
    /// than fit into a request, and to keep the scores, `predict` a dataset.
    async fn score(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The rows, and the version to score them with.")] input: ScoreInput,
    ) -> Result<ScorePayload, ApiError> {
        match score(ctx, input).await {
            Ok(scored) => ScorePayload::of(Ok(scored)),
            Err(Failed::Rows(problem)) => ScorePayload::of(Err(problem.into())),
            Err(Failed::Fault(ApiError::Store(error))) => ScorePayload::of(Err(error)),
            Err(Failed::Fault(fault)) => Err(fault),
        }
    }
}

async fn score(ctx: &Context<'_>, input: ScoreInput) -> Result<ScoredRows, Failed> {
    let user = ctx.actor().user_id().ok_or_else(signed_out)?;
    let (target, reasons) = (input.target()?, input.reasons()?);
    let rows = input.into_rows();
    rows.check()?;
    let version = ctx.store().scorable(ctx.actor(), &target).await?;
    version.check(&rows)?;
    let artifact = artifact(ctx, &version, user)?;
    let question = Question::new(artifact, version.threshold, reasons, &rows);
    let runners: &ScoringRunners = ctx.data_unchecked();
    let answer = runners.score(&question, (&version.detector_name, &version.detector_version)).await?;
    Ok(ScoredRows::new(version.version, answer))
}

fn artifact<'a>(ctx: &Context<'_>, version: &'a Scorable, user: UserId) -> Result<Artifact<'a>, Failed> {
    let state = ctx.state();
    let token = state.keys.file_token((version.version, version.project), user, state.store.now(), FILE_TOKEN);
    Ok(Artifact {
        sha256: &version.artifact_sha256,
        size: version.artifact_size,
        url: format!("/models/{}/artifact", version.version),
        token: token.map_err(|error| Failed::Fault(error.into()))?,
    })
}

fn signed_out() -> Failed {
    let message = "sign in first: send a token in the Authorization header";
    Failed::Fault(ApiError::Unauthenticated(message.to_owned()))
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self::Rows(problem)
    }
}
