use async_graphql::{Context, ID, InputObject, Object};
use nunatak_authz::Action;
use nunatak_domain::{Problem, ProjectId};
use nunatak_store::{
    IdempotencyKey,
    versions::{MAX_BATCH, NewThreshold, VersionChange},
};

use super::{
    super::{
        context::{ContextExt, parse_id},
        error::ApiError,
        payload::payload,
    },
    Version, Visibility,
    log::{LogVersionInput, LogVersionsInput},
    version_permit,
};

payload! {
    /// What `logVersion` registered.
    LogVersionPayload {
        /// The new version.
        version: Version
    }
}

payload! {
    /// What `logVersions` registered.
    LogVersionsPayload {
        /// The new versions, in the order given.
        versions: Vec<Version>
    }
}

/// What to change about a version; what is left out stays.
#[derive(InputObject, Debug)]
pub struct UpdateVersionInput {
    /// `ver_…`
    id: ID,
    /// A new description.
    description: Option<String>,
    /// Who may see it from now on. Its author may change it, and who may read private versions.
    visibility: Option<Visibility>,
}

payload! {
    /// What `updateVersion` changed.
    UpdateVersionPayload {
        /// The version as it is now.
        version: Version
    }
}

/// A new threshold for a trained version: exactly one of `threshold` and `falseAlarmRate`.
#[derive(InputObject, Debug)]
pub struct SetThresholdInput {
    /// `ver_…`, trained by a runner.
    version: ID,
    /// The score above which a row is an anomaly.
    threshold: Option<f64>,
    /// The fraction of normal rows that may exceed it, by what training measured on held-back rows.
    false_alarm_rate: Option<f64>,
    /// Send the same key again when unsure whether the first request arrived: it is carried out once.
    idempotency_key: Option<String>,
}

impl SetThresholdInput {
    fn wanted(&self) -> Result<NewThreshold, Problem> {
        match (self.threshold, self.false_alarm_rate) {
            (Some(score), None) => Ok(NewThreshold::Score(score)),
            (None, Some(rate)) => Ok(NewThreshold::FalseAlarmRate(rate)),
            _ => {
                let message = "give either the threshold or the falseAlarmRate that it should have";
                Err(Problem::new("INVALID_INPUT", message).at("threshold"))
            }
        }
    }
}

payload! {
    /// What `setThreshold` registered.
    SetThresholdPayload {
        /// The new version; its `parent` is the one with the old threshold.
        version: Version
    }
}

/// Which version to delete.
#[derive(InputObject, Debug)]
pub struct DeleteVersionInput {
    /// `ver_…`
    id: ID,
}

payload! {
    /// What `deleteVersion` removed.
    DeleteVersionPayload {
        /// The id of the version that is gone.
        deleted_id: ID
    }
}

#[derive(Default, Debug)]
pub struct VersionMutation;

#[Object]
impl VersionMutation {
    /// Registers a version that was trained anywhere, with all that is known about it. Developers and above.
    async fn log_version(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The version.")] input: LogVersionInput,
    ) -> Result<LogVersionPayload, ApiError> {
        LogVersionPayload::of(
            async {
                let key = input.idempotency_key.clone().map(|key| IdempotencyKey::new(key, &input)).transpose()?;
                let project: ProjectId = parse_id(&input.project, "project")?;
                let permit = ctx.store().project_permit(ctx.actor(), Action::LogVersions, project).await?;
                let log = input.version.parse(permit.user(), ctx.store().now())?;
                Ok(ctx.store().log_version(&permit, log, key.as_ref()).await?.into())
            }
            .await,
        )
    }

    /// Registers up to 500 versions of a project, all or none: many times faster than one by one. Problems are located
    /// at `versions`, the version's place and the field. Costs as much as 500 versions would. Developers and above.
    #[graphql(complexity = "MAX_BATCH * child_complexity + 1")]
    async fn log_versions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The versions.")] input: LogVersionsInput,
    ) -> Result<LogVersionsPayload, ApiError> {
        LogVersionsPayload::of(
            async {
                let key = input.idempotency_key.clone().map(|key| IdempotencyKey::new(key, &input)).transpose()?;
                let project: ProjectId = parse_id(&input.project, "project")?;
                let permit = ctx.store().project_permit(ctx.actor(), Action::LogVersions, project).await?;
                let logs = input.parse(permit.user(), ctx.store().now())?;
                let versions = ctx.store().log_versions(&permit, logs, key.as_ref()).await?;
                Ok(versions.into_iter().map(Version::from).collect())
            }
            .await,
        )
    }

    /// Registers a version that differs from a trained one in its threshold alone: the next of the same model, with the
    /// same file and the same scores. Nothing is trained. Developers and above.
    async fn set_threshold(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which version, and where its threshold should be.")] input: SetThresholdInput,
    ) -> Result<SetThresholdPayload, ApiError> {
        SetThresholdPayload::of(
            async {
                let key = input.idempotency_key.clone().map(|key| IdempotencyKey::new(key, &input)).transpose()?;
                let wanted = input.wanted()?;
                let (id, permit) = version_permit(ctx, &input.version, "version", Action::LogVersions).await?;
                Ok(ctx.store().set_threshold(&permit, id, wanted, key.as_ref()).await?.into())
            }
            .await,
        )
    }

    /// Changes a version's description or visibility. Developers and above.
    async fn update_version(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UpdateVersionInput,
    ) -> Result<UpdateVersionPayload, ApiError> {
        UpdateVersionPayload::of(
            async {
                let (id, permit) = version_permit(ctx, &input.id, "id", Action::AnnotateVersions).await?;
                let change =
                    VersionChange { description: input.description, visibility: input.visibility.map(Into::into) };
                Ok(ctx.store().update_version(&permit, id, change).await?.into())
            }
            .await,
        )
    }

    /// Removes a version at which no alias points. Its number is not given again. Maintainers and above.
    async fn delete_version(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: DeleteVersionInput,
    ) -> Result<DeleteVersionPayload, ApiError> {
        DeleteVersionPayload::of(
            async {
                let (id, permit) = version_permit(ctx, &input.id, "id", Action::DeleteVersions).await?;
                ctx.store().delete_version(&permit, id).await?;
                Ok(input.id)
            }
            .await,
        )
    }
}
