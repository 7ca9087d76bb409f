//! Who sees which rows: every read starts from one of these conditions.

use nunatak_authz::{Action, Actor, Permit, Reach, Scope};
use nunatak_domain::{JobStatus, ProjectId, Role, WorkspaceId};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait, Value,
    entity::prelude::Uuid,
    sea_query::{Alias, Expr, ExprTrait, PostgresQueryBuilder, Query, SelectStatement},
};

use crate::{
    Store, StoreError, db,
    entities::{jobs, projects, versions, workspaces},
};

fn access(user: Uuid, at_least: Role) -> SelectStatement {
    Query::select()
        .column(Alias::new("project_row"))
        .from(Alias::new("project_access"))
        .and_where(Expr::col(Alias::new("user_id")).eq(user))
        .and_where(Expr::col(Alias::new("role")).gte(at_least.number()))
        .take()
}

/// Holds for the row numbers (`column`) of projects in which the actor may do what `reach` was asked for.
pub(crate) fn project_rows(column: impl ColumnTrait, reach: Reach) -> Condition {
    let live = || projects::Entity::find().select_only().column(projects::Column::RowId);
    // A deleted workspace takes its projects along.
    let spaces = workspaces::Entity::find().select_only().column(workspaces::Column::Id);
    let spaces = spaces.filter(workspaces::Column::DeletedAt.is_null()).into_query();
    let undeleted = Condition::all()
        .add(projects::Column::DeletedAt.is_null())
        .add(projects::Column::WorkspaceId.in_subquery(spaces));
    match reach {
        Reach::Nothing => Condition::all().add(Expr::cust("1 = 0")),
        Reach::Everything => Condition::all().add(column.in_subquery(live().filter(undeleted).into_query())),
        Reach::Member { user, at_least } => Condition::all().add(column.in_subquery(access(user.0, at_least))),
        Reach::Project { id, .. } => {
            let one = live().filter(projects::Column::Id.eq(id.0)).filter(undeleted);
            Condition::all().add(column.in_subquery(one.into_query()))
        }
    }
}

/// `SELECT project_row …` with its values: the projects that are within reach, where those are not all or none.
pub(crate) fn rows_in_reach(reach: Reach) -> Option<(String, Vec<Value>)> {
    let select = match reach {
        Reach::Nothing | Reach::Everything => return None,
        Reach::Member { user, at_least } => access(user.0, at_least),
        Reach::Project { id, .. } => Query::select()
            .expr_as(Expr::col(projects::Column::RowId), Alias::new("project_row"))
            .from(projects::Entity)
            .and_where(Expr::col(projects::Column::Id).eq(id.0))
            .take(),
    };
    let (text, values) = select.build(PostgresQueryBuilder);
    Some((text, values.0))
}

/// The same for a column that holds the project's id.
pub(crate) fn project_ids(column: impl ColumnTrait, reach: Reach) -> Condition {
    let visible = projects::Entity::find()
        .select_only()
        .column(projects::Column::Id)
        .filter(project_rows(projects::Column::RowId, reach));
    match reach {
        Reach::Nothing => Condition::all().add(Expr::cust("1 = 0")),
        _ => Condition::all().add(column.in_subquery(visible.into_query())),
    }
}

/// Holds for versions that the actor may see: in its projects, not deleted, and public, its own, or in a
/// project in which it may read private ones.
pub(crate) fn versions_visible(store: &Store, actor: &Actor) -> Condition {
    let reach = store.authorizer().reach(actor, Action::ReadVersions);
    let private_reach = store.authorizer().reach(actor, Action::ReadPrivateVersions);
    let mut seen = Condition::any().add(versions::Column::Visibility.eq(0_i16));
    if let Some(user) = actor.user_id() {
        seen = seen.add(versions::Column::CreatedBy.eq(user.0));
    }
    if private_reach != Reach::Nothing {
        seen = seen.add(project_rows(versions::Column::ProjectRow, private_reach));
    }
    Condition::all()
        .add(versions::Column::DeletedAt.is_null())
        .add(project_rows(versions::Column::ProjectRow, reach))
        .add(seen)
}

impl Store {
    /// Asks for an action that belongs to no workspace.
    ///
    /// # Errors
    /// [`StoreError::Denied`].
    pub fn permit(&self, actor: &Actor, action: Action) -> Result<Permit, StoreError> {
        Ok(self.authorizer().permit(actor, action, Scope::Instance)?)
    }

    /// Asks for an action in a workspace.
    ///
    /// # Errors
    /// `NotFound` where the actor may not even know of it, [`StoreError::Denied`] where it may.
    pub async fn workspace_permit(&self, actor: &Actor, action: Action, id: WorkspaceId) -> Result<Permit, StoreError> {
        let absent = || StoreError::NotFound("workspace");
        self.require_signed_in(actor, action)?;
        workspaces::Entity::find_by_id(id.0)
            .filter(workspaces::Column::DeletedAt.is_null())
            .one(self.0.db.read())
            .await?
            .ok_or_else(absent)?;
        let role = self.workspace_role(actor, id).await?;
        if role.is_none() && !actor.is_admin() && !self.is_member_below(actor, id).await? {
            return Err(absent());
        }
        Ok(self.authorizer().permit(actor, action, Scope::Workspace { id, role })?)
    }

    /// Asks for an action in a project.
    ///
    /// # Errors
    /// `NotFound` where the actor may not even know of it, [`StoreError::Denied`] where it may.
    pub async fn project_permit(&self, actor: &Actor, action: Action, id: ProjectId) -> Result<Permit, StoreError> {
        let absent = || StoreError::NotFound("project");
        self.require_signed_in(actor, action)?;
        let (row, workspace, role) = self.project_role(actor, id).await?.ok_or_else(absent)?;
        // A report is fenced where it is carried out: it is told LEASE_LOST, and a repeated completion goes through.
        let knows = role.is_some()
            || actor.is_admin()
            || (matches!(actor, Actor::Job { project, .. } if *project == id)
                && (action == Action::ReportJob || self.is_at_work(actor).await?));
        if !knows {
            return Err(absent());
        }
        Ok(self.authorizer().permit(actor, action, Scope::Project { id, row, workspace, role })?)
    }

    /// Nobody in particular is told to sign in, whether the thing is there or not.
    fn require_signed_in(&self, actor: &Actor, action: Action) -> Result<(), StoreError> {
        if *actor == Actor::Anonymous {
            self.authorizer().permit(actor, action, Scope::Instance)?;
        }
        Ok(())
    }

    /// Whether the job of this token is still running with this attempt: a token outlives neither.
    async fn is_at_work(&self, actor: &Actor) -> Result<bool, StoreError> {
        let Actor::Job { id, attempt, .. } = actor else { return Ok(false) };
        let running = jobs::Entity::find_by_id(id.0)
            .filter(jobs::Column::Attempt.eq(*attempt))
            .filter(jobs::Column::Status.eq(JobStatus::Running.number()));
        Ok(running.one(self.0.db.read()).await?.is_some())
    }

    /// The actor's own role in a workspace; `None` for administrators that are not members, too.
    pub(crate) async fn workspace_role(&self, actor: &Actor, id: WorkspaceId) -> Result<Option<Role>, StoreError> {
        let Actor::User { id: user, .. } = actor else { return Ok(None) };
        let db = self.0.db.read();
        let text = "SELECT role FROM memberships WHERE user_id = $1 AND workspace_id = $2";
        let row = db.query_one_raw(db::sql(db, text, vec![user.0.into(), id.0.into()])).await?;
        row.map(|row| role(row.try_get("", "role")?)).transpose()
    }

    /// Whether the actor is a member of one of the workspace's projects.
    async fn is_member_below(&self, actor: &Actor, id: WorkspaceId) -> Result<bool, StoreError> {
        let Actor::User { id: user, .. } = actor else { return Ok(false) };
        let db = self.0.db.read();
        let text = "SELECT 1 AS one FROM memberships m JOIN projects p ON p.id = m.project_id \
                    WHERE m.user_id = $1 AND p.workspace_id = $2 AND p.deleted_at IS NULL LIMIT 1";
        Ok(db.query_one_raw(db::sql(db, text, vec![user.0.into(), id.0.into()])).await?.is_some())
    }

    /// Row number, workspace and the actor's role of a project that exists.
    pub(crate) async fn project_role(
        &self,
        actor: &Actor,
        id: ProjectId,
    ) -> Result<Option<(i64, WorkspaceId, Option<Role>)>, StoreError> {
        let user: Option<Uuid> = match actor {
            Actor::User { id, .. } => Some(id.0),
            Actor::Anonymous | Actor::Job { .. } | Actor::Scorer { .. } => None,
        };
        let db = self.0.db.read();
        // Not by the view `project_access`: what it asks besides is asked here, and planning it takes longer.
        let text = "SELECT p.row_id, p.workspace_id, (SELECT MAX(m.role) FROM memberships m \
                    WHERE m.user_id = $2 AND (m.workspace_id = p.workspace_id OR m.project_id = p.id)) AS role \
                    FROM projects p JOIN workspaces w ON w.id = p.workspace_id \
                    WHERE p.id = $1 AND p.deleted_at IS NULL AND w.deleted_at IS NULL";
        let row = db.query_one_raw(db::sql(db, text, vec![id.0.into(), Value::Uuid(user)])).await?;
        row.map(|row| {
            let number: Option<i16> = row.try_get("", "role")?;
            let workspace: Uuid = row.try_get("", "workspace_id")?;
            Ok((row.try_get("", "row_id")?, workspace.into(), number.map(role).transpose()?))
        })
        .transpose()
    }
}

pub(crate) fn role(number: i16) -> Result<Role, StoreError> {
    Role::from_number(number).ok_or_else(|| StoreError::Corrupt(format!("role {number}")))
}

/// A permit for another action than the function at hand performs is a mistake of this program.
pub(crate) fn require(permit: &Permit, action: Action) -> Result<(), StoreError> {
    if permit.action() == action {
        return Ok(());
    }
    Err(StoreError::Corrupt(format!("a permit for {} was used for {action}", permit.action())))
}

/// The project that a permit is for: its row number and its id.
pub(crate) fn project_of(permit: &Permit) -> Result<(i64, ProjectId), StoreError> {
    permit
        .project_row()
        .zip(permit.project())
        .ok_or_else(|| StoreError::Corrupt(format!("a permit for {} without a project", permit.action())))
}
