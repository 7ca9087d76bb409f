use async_graphql::{Context, ID, MaybeUndefined, Object};
use nunatak_authz::Action;
use nunatak_domain::{Problem, ProjectId};
use nunatak_store::{
    IdempotencyKey, StoreError,
    schedules::{Rights, ScheduleRecord},
};

use super::{
    super::{
        context::{ContextExt, parse_id},
        error::ApiError,
        payload::payload,
    },
    Schedule, ScheduleRun,
    input::{
        CreateScheduleInput, DeleteScheduleInput, PauseScheduleInput, ResumeScheduleInput, RunScheduleNowInput,
        UpdateScheduleInput,
    },
};

payload! {
    /// What `createSchedule` made.
    CreateSchedulePayload {
        /// The schedule, active.
        schedule: Schedule
    }
}
payload! {
    /// What `updateSchedule` changed.
    UpdateSchedulePayload {
        /// The schedule as it is now.
        schedule: Schedule
    }
}
payload! {
    /// What `pauseSchedule` paused.
    PauseSchedulePayload {
        /// The schedule as it is now.
        schedule: Schedule
    }
}
payload! {
    /// What `resumeSchedule` resumed.
    ResumeSchedulePayload {
        /// The schedule as it is now.
        schedule: Schedule
    }
}
payload! {
    /// What `deleteSchedule` removed.
    DeleteSchedulePayload {
        /// The id of the schedule that is gone.
        deleted_id: ID
    }
}
payload! {
    /// What `runScheduleNow` began.
    RunScheduleNowPayload {
        /// The run; FAILED where its work was refused.
        run: ScheduleRun
    }
}

fn key(text: Option<&String>, request: &impl std::fmt::Debug) -> Result<Option<IdempotencyKey>, Problem> {
    text.map(|text| IdempotencyKey::new(text.clone(), request)).transpose()
}

/// A schedule with the rights to do what it does.
async fn changeable(ctx: &Context<'_>, id: &ID, promotes: bool) -> Result<(ScheduleRecord, Rights), StoreError> {
    ctx.store().schedule_to_change(ctx.actor(), parse_id(id, "schedule")?, promotes).await
}

#[derive(Default, Debug)]
pub struct ScheduleMutation;

#[Object]
impl ScheduleMutation {
    /// Asks for work again and again: by the clock, with new data, or when a metric gets worse. It is done in your
    /// name. What would fail for sure is refused now. Developers and above; with `promote`, maintainers and above.
    async fn create_schedule(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and when.")] input: CreateScheduleInput,
    ) -> Result<CreateSchedulePayload, ApiError> {
        CreateSchedulePayload::of(
            async {
                let project: ProjectId = parse_id(&input.project, "project")?;
                let rights = ctx.store().schedule_rights(ctx.actor(), project, input.promote.is_some()).await?;
                let key = key(input.idempotency_key.as_ref(), &input)?;
                Ok(ctx.store().create_schedule(&rights, &input.definition()?, key.as_ref()).await?.into())
            }
            .await,
        )
    }

    /// Changes what a schedule does, or when. From then on it works in your name. Developers and above; where it
    /// promotes, maintainers and above.
    async fn update_schedule(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one, and what to change.")] input: UpdateScheduleInput,
    ) -> Result<UpdateSchedulePayload, ApiError> {
        UpdateSchedulePayload::of(
            async {
                let promotes = matches!(input.promote, MaybeUndefined::Value(_));
                let (schedule, rights) = changeable(ctx, &input.schedule, promotes).await?;
                Ok(ctx.store().update_schedule(&rights, schedule, input.change()?).await?.into())
            }
            .await,
        )
    }

    /// Keeps a schedule from firing until it is resumed; what it has fired goes on. Developers and above.
    async fn pause_schedule(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: PauseScheduleInput,
    ) -> Result<PauseSchedulePayload, ApiError> {
        PauseSchedulePayload::of(
            async {
                let id = parse_id(&input.schedule, "schedule")?;
                let permit = ctx.store().schedule_permit(ctx.actor(), Action::Train, id).await?;
                Ok(ctx.store().pause_schedule(&permit, id).await?.into())
            }
            .await,
        )
    }

    /// Lets a paused or suspended schedule fire again, from then on in your name. What was missed meanwhile is not
    /// made up for. Developers and above; where it promotes, maintainers and above.
    async fn resume_schedule(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: ResumeScheduleInput,
    ) -> Result<ResumeSchedulePayload, ApiError> {
        ResumeSchedulePayload::of(
            async {
                let (schedule, rights) = changeable(ctx, &input.schedule, false).await?;
                Ok(ctx.store().resume_schedule(&rights, schedule).await?.into())
            }
            .await,
        )
    }

    /// Takes a schedule away; its runs, and what they made, stay. Developers and above; where it promotes,
    /// maintainers and above.
    async fn delete_schedule(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: DeleteScheduleInput,
    ) -> Result<DeleteSchedulePayload, ApiError> {
        DeleteSchedulePayload::of(
            async {
                let (schedule, rights) = changeable(ctx, &input.schedule, false).await?;
                ctx.store().delete_schedule(&rights, schedule.id).await?;
                Ok(input.schedule)
            }
            .await,
        )
    }

    /// Does a schedule's work now, paused or not, in its owner's name. Developers and above; where it promotes,
    /// maintainers and above.
    async fn run_schedule_now(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: RunScheduleNowInput,
    ) -> Result<RunScheduleNowPayload, ApiError> {
        RunScheduleNowPayload::of(
            async {
                let (schedule, rights) = changeable(ctx, &input.schedule, false).await?;
                let key = key(input.idempotency_key.as_ref(), &input)?;
                Ok(ctx.store().run_schedule_now(&rights, &schedule, key.as_ref()).await?.into())
            }
            .await,
        )
    }
}
