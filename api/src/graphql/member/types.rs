use std::collections::HashMap;

use async_graphql::{Context, Object};
use chrono::{DateTime, Utc};
use nunatak_authz::Actor;
use nunatak_domain::{ProjectId, WorkspaceId};
use nunatak_store::{Store, StoreError, organisation::MemberRecord};

use super::super::{context::ContextExt, error::ApiError, loaders::BatchKey, scalars::Role, viewer::User};

/// A user with a role in a workspace or project.
#[derive(Debug, Clone)]
pub struct Member(pub MemberRecord);

impl From<MemberRecord> for Member {
    fn from(record: MemberRecord) -> Self {
        Self(record)
    }
}

/// A user with a role in a workspace or project.
#[Object]
impl Member {
    /// Who.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>, ApiError> {
        Ok(ctx.load(self.0.user).await?.map(User::from))
    }

    /// With which role.
    async fn role(&self) -> Role {
        self.0.role.into()
    }

    /// Since when.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at.to_utc()
    }
}

/// The actor's role in a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RoleInProject(pub ProjectId);

impl BatchKey for RoleInProject {
    type Value = nunatak_domain::Role;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, Self::Value>, StoreError> {
        let ids: Vec<ProjectId> = keys.iter().map(|key| key.0).collect();
        let roles = store.roles_in_projects(actor, &ids).await?;
        Ok(roles.into_iter().map(|(id, role)| (Self(id), role)).collect())
    }
}

/// The actor's role in a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RoleInWorkspace(pub WorkspaceId);

impl BatchKey for RoleInWorkspace {
    type Value = nunatak_domain::Role;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, Self::Value>, StoreError> {
        let ids: Vec<WorkspaceId> = keys.iter().map(|key| key.0).collect();
        let roles = store.roles_in_workspaces(actor, &ids).await?;
        Ok(roles.into_iter().map(|(id, role)| (Self(id), role)).collect())
    }
}
