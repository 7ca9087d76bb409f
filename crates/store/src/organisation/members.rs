use std::collections::HashMap;

use nunatak_authz::{Action, Actor, Permit, Scope};
use nunatak_domain::{Page, PageRequest, Problem, ProjectId, Role, Timestamp, UserId, WorkspaceId};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult,
    IntoActiveModel, ModelTrait, PaginatorTrait, QueryFilter, Value, entity::prelude::Uuid,
};
use serde_json::json;

use crate::{
    Store, StoreError, db,
    entities::{memberships, users},
    paging::page_by_id,
    scope::{require, role},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRecord {
    pub user: UserId,
    pub role: Role,
    pub created_at: Timestamp,
}

/// What somebody is a member of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberOf {
    Workspace(WorkspaceId),
    Project(ProjectId),
}

impl MemberOf {
    fn condition(self) -> Condition {
        match self {
            Self::Workspace(id) => Condition::all().add(memberships::Column::WorkspaceId.eq(id.0)),
            Self::Project(id) => Condition::all().add(memberships::Column::ProjectId.eq(id.0)),
        }
    }

    /// What the permit is for.
    fn of(permit: &Permit) -> Result<Self, StoreError> {
        match permit.scope() {
            Scope::Workspace { id, .. } => Ok(Self::Workspace(id)),
            Scope::Project { id, .. } => Ok(Self::Project(id)),
            Scope::Instance => Err(StoreError::Corrupt("a member's permit without a place".into())),
        }
    }
}

pub(super) fn row(
    store: &Store,
    user: UserId,
    workspace: Option<WorkspaceId>,
    project: Option<ProjectId>,
    role: Role,
    by: UserId,
) -> memberships::ActiveModel {
    let now = store.now().micros();
    memberships::ActiveModel {
        id: Set(UserId::new(store.now()).0),
        user_id: Set(user.0),
        workspace_id: Set(workspace.map(Into::into)),
        project_id: Set(project.map(Into::into)),
        role: Set(role.number()),
        created_by: Set(by.0),
        created_at: Set(now),
        updated_at: Set(now),
    }
}

fn record(row: &memberships::Model) -> Result<MemberRecord, StoreError> {
    let created_at = Timestamp::from_micros(row.created_at);
    Ok(MemberRecord { user: row.user_id.into(), role: role(row.role)?, created_at })
}

impl Store {
    /// Makes the user with this login a member, or gives a member another role.
    ///
    /// # Errors
    /// `NOT_FOUND` at `login`, `LAST_OWNER` when a workspace would be left without an owner; database.
    pub async fn set_member(&self, permit: &Permit, login: &str, role: Role) -> Result<MemberRecord, StoreError> {
        require(permit, Action::WriteMembers)?;
        let place = MemberOf::of(permit)?;
        let txn = self.0.db.begin().await?;
        let user = find_user(&txn, login).await?;
        let existing = memberships::Entity::find()
            .filter(place.condition())
            .filter(memberships::Column::UserId.eq(user.0))
            .one(&txn)
            .await?;
        let saved = match existing {
            Some(old) => {
                if role != Role::Owner {
                    keep_an_owner(&txn, place, &old).await?;
                }
                let mut changed = old.into_active_model();
                changed.role = Set(role.number());
                changed.updated_at = Set(self.now().micros());
                changed.update(&txn).await?
            }
            None => {
                let (workspace, project) = match place {
                    MemberOf::Workspace(id) => (Some(id), None),
                    MemberOf::Project(id) => (None, Some(id)),
                };
                row(self, user, workspace, project, role, permit.user()).insert(&txn).await?
            }
        };
        self.audit(&txn, permit, user, json!({ "login": login, "role": role })).await?;
        txn.commit().await?;
        record(&saved)
    }

    /// # Errors
    /// `NOT_FOUND` at `login` for one who is no member, `LAST_OWNER`; database.
    pub async fn remove_member(&self, permit: &Permit, login: &str) -> Result<(), StoreError> {
        require(permit, Action::WriteMembers)?;
        let place = MemberOf::of(permit)?;
        let txn = self.0.db.begin().await?;
        let user = find_user(&txn, login).await?;
        let row = memberships::Entity::find()
            .filter(place.condition())
            .filter(memberships::Column::UserId.eq(user.0))
            .one(&txn)
            .await?
            .ok_or_else(|| Problem::new("NOT_FOUND", format!("`{login}` is not a member")).at("login"))?;
        keep_an_owner(&txn, place, &row).await?;
        row.delete(&txn).await?;
        self.audit(&txn, permit, user, json!({ "login": login, "removed": true })).await?;
        txn.commit().await?;
        Ok(())
    }

    /// # Errors
    /// `INVALID_CURSOR`; database.
    pub async fn members(&self, permit: &Permit, page: &PageRequest) -> Result<Page<MemberRecord>, StoreError> {
        require(permit, Action::ReadMembers)?;
        let select = memberships::Entity::find().filter(MemberOf::of(permit)?.condition());
        let db = self.0.db.read();
        let page = page_by_id(db, select, memberships::Column::Id, "members", page, |row| row.id).await?;
        let items = page.items.into_iter().map(|(cursor, row)| Ok((cursor, record(&row)?)));
        Ok(Page {
            items: items.collect::<Result<_, StoreError>>()?,
            has_previous: page.has_previous,
            has_next: page.has_next,
        })
    }

    /// The actor's role in each of these projects (the higher of the workspace's and the project's own).
    ///
    /// # Errors
    /// Database.
    pub async fn roles_in_projects(
        &self,
        actor: &Actor,
        ids: &[ProjectId],
    ) -> Result<HashMap<ProjectId, Role>, StoreError> {
        #[derive(FromQueryResult)]
        struct Held {
            id: Uuid,
            role: i16,
        }
        let Actor::User { id: user, .. } = actor else { return Ok(HashMap::new()) };
        let places: Vec<String> = (2..ids.len() + 2).map(|place| format!("${place}")).collect();
        let text = format!(
            "SELECT p.id, a.role FROM project_access a JOIN projects p ON p.row_id = a.project_row \
             WHERE a.user_id = $1 AND p.id IN ({})",
            places.join(", ")
        );
        let values: Vec<Value> = std::iter::once(user.0).chain(ids.iter().map(|id| id.0)).map(Value::from).collect();
        let db = self.0.db.read();
        let rows = Held::find_by_statement(db::sql(db, &text, values)).all(db).await?;
        rows.into_iter().map(|held| Ok((held.id.into(), role(held.role)?))).collect()
    }

    /// The actor's role in each of these workspaces.
    ///
    /// # Errors
    /// Database.
    pub async fn roles_in_workspaces(
        &self,
        actor: &Actor,
        ids: &[WorkspaceId],
    ) -> Result<HashMap<WorkspaceId, Role>, StoreError> {
        let Actor::User { id: user, .. } = actor else { return Ok(HashMap::new()) };
        let rows = memberships::Entity::find()
            .filter(memberships::Column::UserId.eq(user.0))
            .filter(memberships::Column::WorkspaceId.is_in(ids.iter().map(|id| id.0)))
            .all(self.0.db.read())
            .await?;
        let held = rows.into_iter().filter_map(|row| Some((row.workspace_id?, row.role)));
        held.map(|(id, number)| Ok((id.into(), role(number)?))).collect()
    }
}

async fn find_user(db: &impl ConnectionTrait, login: &str) -> Result<UserId, StoreError> {
    let row = users::Entity::find().filter(users::Column::Login.eq(login)).one(db).await?;
    let absent = || Problem::new("NOT_FOUND", format!("there is no user with the login `{login}`")).at("login");
    Ok(row.ok_or_else(absent)?.id.into())
}

/// A workspace keeps at least one owner, or nobody could ever manage it again.
async fn keep_an_owner(
    db: &impl ConnectionTrait,
    place: MemberOf,
    leaving: &memberships::Model,
) -> Result<(), StoreError> {
    if !matches!(place, MemberOf::Workspace(_)) || leaving.role != Role::Owner.number() {
        return Ok(());
    }
    let others = memberships::Entity::find()
        .filter(place.condition())
        .filter(memberships::Column::Role.eq(Role::Owner.number()))
        .filter(memberships::Column::Id.ne(leaving.id))
        .count(db)
        .await?;
    if others == 0 {
        let message = "a workspace needs an owner; make somebody else owner first";
        return Err(Problem::new("LAST_OWNER", message).at("login").into());
    }
    Ok(())
}
