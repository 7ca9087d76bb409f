//! What a schedule may do: as much as its owner may, at the moment when it does it.

use nunatak_authz::{Action, Actor, Permit};
use nunatak_domain::{ProjectId, ScheduleId, UserId};
use sea_orm::ConnectionTrait;

use super::ScheduleRecord;
use crate::{Store, StoreError, db};

/// The permits by which a schedule trains, scores and promotes in one project.
#[derive(Debug, Clone)]
pub struct Rights {
    pub(crate) train: Permit,
    pub(crate) predict: Permit,
    /// Only where it was asked for.
    pub(crate) promote: Option<Permit>,
}

impl Rights {
    /// The permit to move the alias. A missing one is a mistake of this program.
    pub(crate) fn promote(&self) -> Result<&Permit, StoreError> {
        self.promote.as_ref().ok_or_else(|| StoreError::Corrupt("a promotion without its permit".to_owned()))
    }
}

impl Store {
    /// Asks for what a schedule of this project needs, or (with `promotes`) one that moves an alias, too.
    ///
    /// # Errors
    /// `NotFound` where the actor may not even know of the project, [`StoreError::Denied`] where it may.
    pub async fn schedule_rights(
        &self,
        actor: &Actor,
        project: ProjectId,
        promotes: bool,
    ) -> Result<Rights, StoreError> {
        let promote = match promotes {
            true => Some(self.project_permit(actor, Action::PromoteVersions, project).await?),
            false => None,
        };
        let train = self.project_permit(actor, Action::Train, project).await?;
        Ok(Rights { train, predict: self.project_permit(actor, Action::Predict, project).await?, promote })
    }

    /// A schedule that the actor may change, with the rights to do what it does, and to promote with `promotes`.
    ///
    /// # Errors
    /// `NotFound` where the actor does not see the schedule, [`StoreError::Denied`] where it may only look.
    pub async fn schedule_to_change(
        &self,
        actor: &Actor,
        id: ScheduleId,
        promotes: bool,
    ) -> Result<(ScheduleRecord, Rights), StoreError> {
        let schedule = self.schedule(actor, id).await?.ok_or(StoreError::NotFound("schedule"))?;
        let promotes = promotes || schedule.promote.is_some();
        let rights = self.schedule_rights(actor, schedule.project, promotes).await?;
        Ok((schedule, rights))
    }

    /// The permit for an action in the project of a schedule.
    ///
    /// # Errors
    /// `NotFound` where the actor does not see the schedule, [`StoreError::Denied`] where it may only look.
    pub async fn schedule_permit(&self, actor: &Actor, action: Action, id: ScheduleId) -> Result<Permit, StoreError> {
        let schedule = self.schedule(actor, id).await?.ok_or(StoreError::NotFound("schedule"))?;
        self.project_permit(actor, action, schedule.project).await
    }

    /// The rights of a user who is not here to ask; or why they are not enough, as a sentence.
    pub(crate) async fn rights_of(
        &self,
        owner: UserId,
        project: ProjectId,
        promotes: bool,
    ) -> Result<Result<Rights, String>, StoreError> {
        let Some(actor) = self.actor_of(owner).await? else {
            return Ok(Err("the account in whose name it works is disabled".to_owned()));
        };
        let login = match &actor {
            Actor::User { login, .. } => login.as_str(),
            Actor::Anonymous | Actor::Job { .. } | Actor::Scorer { .. } => "",
        };
        match self.schedule_rights(&actor, project, promotes).await {
            Ok(rights) => Ok(Ok(rights)),
            Err(StoreError::Denied(denied)) => {
                Ok(Err(format!("`{login}`, in whose name it works, may not {} here any more", denied.action)))
            }
            Err(StoreError::NotFound(_)) => {
                Ok(Err(format!("`{login}`, in whose name it works, is no member of the project any more")))
            }
            Err(error) => Err(error),
        }
    }

    /// Keeps a schedule from firing until somebody who has the rights resumes it.
    pub(crate) async fn suspend(&self, schedule: ScheduleId, reason: &str) -> Result<(), StoreError> {
        tracing::warn!(schedule.id = %schedule, reason, "a schedule is suspended");
        let text = "UPDATE schedules SET state = 2, suspended_because = $2, revision = revision + 1, updated_at = $3 \
                    WHERE id = $1 AND state <> 2 AND deleted_at IS NULL";
        let reason = format!("{reason}; who has the rights may resume it");
        let values = vec![schedule.0.into(), reason.into(), self.now().micros().into()];
        let db = self.0.db.write();
        db.execute_raw(db::sql(db, text, values)).await?;
        Ok(())
    }
}
