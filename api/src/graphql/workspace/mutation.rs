use async_graphql::{Context, ID, InputObject, Object};
use nunatak_authz::Action;
use nunatak_domain::{Name, WorkspaceId};
use nunatak_store::{IdempotencyKey, organisation::WorkspaceChange};

use super::{
    super::{
        context::{ContextExt, parse_id},
        error::ApiError,
        payload::payload,
    },
    Workspace,
};

/// A workspace to be made.
#[derive(InputObject, Debug)]
pub struct CreateWorkspaceInput {
    /// 1 to 120 characters, unique in the installation.
    name: String,
    /// Free text.
    #[graphql(default)]
    description: String,
    /// Send the same key again when unsure whether the first request arrived: it is carried out once.
    idempotency_key: Option<String>,
}

payload! {
    /// What `createWorkspace` made.
    CreateWorkspacePayload {
        /// The new workspace; you are its owner.
        workspace: Workspace
    }
}

/// What to change in a workspace; what is left out stays.
#[derive(InputObject, Debug)]
pub struct UpdateWorkspaceInput {
    /// `ws_…`
    id: ID,
    /// A new name.
    name: Option<String>,
    /// A new description.
    description: Option<String>,
}

payload! {
    /// What `updateWorkspace` changed.
    UpdateWorkspacePayload {
        /// The workspace as it is now.
        workspace: Workspace
    }
}

/// Which workspace to delete.
#[derive(InputObject, Debug)]
pub struct DeleteWorkspaceInput {
    /// `ws_…`
    id: ID,
}

payload! {
    /// What `deleteWorkspace` removed.
    DeleteWorkspacePayload {
        /// The id of the workspace that is gone.
        deleted_id: ID
    }
}

#[derive(Default, Debug)]
pub struct WorkspaceMutation;

#[Object]
impl WorkspaceMutation {
    /// Makes a workspace; you become its owner.
    async fn create_workspace(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The workspace to make.")] input: CreateWorkspaceInput,
    ) -> Result<CreateWorkspacePayload, ApiError> {
        let permit = ctx.permit(Action::CreateWorkspace)?;
        CreateWorkspacePayload::of(
            async {
                let request = (&input.name, &input.description);
                let key = input.idempotency_key.clone().map(|key| IdempotencyKey::new(key, &request)).transpose()?;
                let name = Name::parse(&input.name).map_err(|problem| problem.at("name"))?;
                let made = ctx.store().create_workspace(&permit, &name, input.description, key.as_ref()).await?;
                Ok(made.into())
            }
            .await,
        )
    }

    /// Renames or describes a workspace. Owners only.
    async fn update_workspace(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UpdateWorkspaceInput,
    ) -> Result<UpdateWorkspacePayload, ApiError> {
        UpdateWorkspacePayload::of(
            async {
                let id: WorkspaceId = parse_id(&input.id, "id")?;
                let permit = ctx.store().workspace_permit(ctx.actor(), Action::UpdateWorkspace, id).await?;
                let name = input.name.as_deref().map(Name::parse).transpose().map_err(|problem| problem.at("name"))?;
                let change = WorkspaceChange { name, description: input.description };
                Ok(ctx.store().update_workspace(&permit, id, change).await?.into())
            }
            .await,
        )
    }

    /// Removes a workspace and all that is in it from sight. Owners only.
    async fn delete_workspace(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: DeleteWorkspaceInput,
    ) -> Result<DeleteWorkspacePayload, ApiError> {
        DeleteWorkspacePayload::of(
            async {
                let id: WorkspaceId = parse_id(&input.id, "id")?;
                let permit = ctx.store().workspace_permit(ctx.actor(), Action::DeleteWorkspace, id).await?;
                ctx.store().delete_workspace(&permit, id).await?;
                Ok(input.id)
            }
            .await,
        )
    }
}
