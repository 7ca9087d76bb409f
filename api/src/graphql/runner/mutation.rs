use async_graphql::{Context, ID, InputObject, Json, Object, SimpleObject};
use nunatak_authz::Action;
use nunatak_domain::Name;
use nunatak_store::{StoreError, detectors::NewDetector, runners::NewRunner};
use serde_json::Value;

use super::{
    super::{
        context::{ContextExt, parse_id},
        detector::InputKind,
        error::ApiError,
        payload::{UserError, payload},
    },
    Runner,
};

/// A detector that a runner offers.
#[derive(InputObject, Debug)]
pub struct DetectorInput {
    /// The word by which trainings ask for it, 1 to 120 characters: `isolation_forest`.
    name: String,
    /// Raise it with every change of behaviour or schema: a name and version mean one thing.
    version: String,
    /// What people call it.
    title: String,
    /// One sentence on how it works.
    summary: String,
    /// All there is to know, in Markdown.
    #[graphql(default)]
    description: String,
    /// What rows it takes.
    input_kind: InputKind,
    /// The JSON Schema of its hyperparameters, an object.
    hyperparameter_schema: Json<Value>,
}

impl From<DetectorInput> for NewDetector {
    fn from(input: DetectorInput) -> Self {
        Self {
            name: input.name,
            version: input.version,
            title: input.title,
            summary: input.summary,
            description: input.description,
            input_kind: input.input_kind.into(),
            hyperparameter_schema: input.hyperparameter_schema.0,
        }
    }
}

/// A starting runner.
#[derive(InputObject, Debug)]
pub struct RegisterRunnerInput {
    /// Unique among your runners; the same name again is the same runner.
    name: String,
    /// Words about the machine, at most 20.
    #[graphql(default)]
    labels: Vec<String>,
    /// How many jobs it takes at once, 1 to 1000: it is given no more.
    #[graphql(default = 1)]
    capacity: i32,
    /// All that it offers; what was registered before and is not here, it offers no more.
    detectors: Vec<DetectorInput>,
}

/// What `registerRunner` made, and how often to report.
#[derive(SimpleObject, Debug)]
pub struct RegisterRunnerPayload {
    /// The runner.
    pub runner: Option<Runner>,
    /// A claimed job is given to another runner after this long without a word.
    pub lease_seconds: f64,
    /// Call `heartbeat` for each running job this often.
    pub heartbeat_seconds: f64,
    /// What is wrong with the input; empty when all went well.
    pub user_errors: Vec<UserError>,
}

/// Which runner is about to end.
#[derive(InputObject, Debug)]
pub struct DrainRunnerInput {
    /// What `registerRunner` answered, `rnr_…`.
    runner: ID,
}

payload! {
    /// What `drainRunner` noted.
    DrainRunnerPayload {
        /// The runner, DRAINING.
        runner: Runner
    }
}

#[derive(Default, Debug)]
pub struct RunnerMutation;

#[Object]
impl RunnerMutation {
    /// Says that a runner is here and which detectors it has. Call it at each start; it needs a session or a
    /// token with the scope RUNNER.
    async fn register_runner(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The runner.")] input: RegisterRunnerInput,
    ) -> Result<RegisterRunnerPayload, ApiError> {
        let registered: Result<_, StoreError> = async {
            let permit = ctx.permit(Action::RegisterRunner)?;
            let name = Name::parse(&input.name).map_err(|problem| problem.at("name"))?;
            let detectors = input.detectors.into_iter().map(Into::into).collect();
            ctx.store()
                .register_runner(
                    &permit,
                    &NewRunner { name, labels: input.labels, capacity: input.capacity, detectors },
                )
                .await
        }
        .await;
        let (runner, user_errors) = match registered {
            Ok(runner) => (Some(Runner::from(runner)), Vec::new()),
            Err(StoreError::Invalid(problems)) => (None, problems.iter().map(Into::into).collect()),
            Err(error) => return Err(error.into()),
        };
        let options = ctx.store().job_options();
        Ok(RegisterRunnerPayload {
            runner,
            lease_seconds: options.lease.as_secs_f64(),
            heartbeat_seconds: options.heartbeat.as_secs_f64(),
            user_errors,
        })
    }
    /// Says that a runner finishes the jobs it has and gets no more, until it registers again. Needs what
    /// `registerRunner` needs.
    async fn drain_runner(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: DrainRunnerInput,
    ) -> Result<DrainRunnerPayload, ApiError> {
        DrainRunnerPayload::of(
            async {
                let permit = ctx.permit(Action::RegisterRunner)?;
                Ok(ctx.store().drain_runner(&permit, parse_id(&input.runner, "runner")?).await?.into())
            }
            .await,
        )
    }
}
