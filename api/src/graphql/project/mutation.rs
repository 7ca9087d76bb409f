use async_graphql::{Context, ID, InputObject, Object};
use nunatak_authz::Action;
use nunatak_domain::{Name, ProjectId, WorkspaceId};
use nunatak_store::{
    IdempotencyKey,
    organisation::{NewProject, ProjectChange},
};

use super::{
    super::{
        context::{ContextExt, parse_id},
        error::ApiError,
        payload::payload,
    },
    Project,
};

/// A project to be made.
#[derive(InputObject, Debug)]
pub struct CreateProjectInput {
    /// The workspace that it will be in, `ws_…`.
    workspace: ID,
    /// 1 to 120 characters, unique in the workspace.
    name: String,
    /// Free text.
    #[graphql(default)]
    description: String,
    /// The repository that its versions come from: `https://…`, `ssh://…` or `git@…`.
    git_url: Option<String>,
    /// Send the same key again when unsure whether the first request arrived: it is carried out once.
    idempotency_key: Option<String>,
}

payload! {
    /// What `createProject` made.
    CreateProjectPayload {
        /// The new project.
        project: Project
    }
}

/// What to change in a project; what is left out stays.
#[derive(InputObject, Debug)]
pub struct UpdateProjectInput {
    /// `prj_…`
    id: ID,
    /// A new name.
    name: Option<String>,
    /// A new description.
    description: Option<String>,
    /// A new repository; empty text removes it.
    git_url: Option<String>,
}

payload! {
    /// What `updateProject` changed.
    UpdateProjectPayload {
        /// The project as it is now.
        project: Project
    }
}

/// Which project to delete.
#[derive(InputObject, Debug)]
pub struct DeleteProjectInput {
    /// `prj_…`
    id: ID,
}

payload! {
    /// What `deleteProject` removed.
    DeleteProjectPayload {
        /// The id of the project that is gone.
        deleted_id: ID
    }
}

#[derive(Default, Debug)]
pub struct ProjectMutation;

#[Object]
impl ProjectMutation {
    /// Makes a project in a workspace. Owners of the workspace only.
    async fn create_project(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The project to make.")] input: CreateProjectInput,
    ) -> Result<CreateProjectPayload, ApiError> {
        CreateProjectPayload::of(
            async {
                let request = (&input.workspace, &input.name, &input.description, &input.git_url);
                let key = input.idempotency_key.clone().map(|key| IdempotencyKey::new(key, &request)).transpose()?;
                let workspace: WorkspaceId = parse_id(&input.workspace, "workspace")?;
                let permit = ctx.store().workspace_permit(ctx.actor(), Action::CreateProject, workspace).await?;
                let name = Name::parse(&input.name).map_err(|problem| problem.at("name"))?;
                let new = NewProject { name, description: input.description, git_url: input.git_url };
                Ok(ctx.store().create_project(&permit, new, key.as_ref()).await?.into())
            }
            .await,
        )
    }

    /// Renames, describes or re-ties a project. Maintainers and above.
    async fn update_project(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UpdateProjectInput,
    ) -> Result<UpdateProjectPayload, ApiError> {
        UpdateProjectPayload::of(
            async {
                let id: ProjectId = parse_id(&input.id, "id")?;
                let permit = ctx.store().project_permit(ctx.actor(), Action::UpdateProject, id).await?;
                let name = input.name.as_deref().map(Name::parse).transpose().map_err(|problem| problem.at("name"))?;
                let change = ProjectChange { name, description: input.description, git_url: input.git_url };
                Ok(ctx.store().update_project(&permit, change).await?.into())
            }
            .await,
        )
    }

    /// Removes a project and all that is in it from sight. Owners only.
    async fn delete_project(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: DeleteProjectInput,
    ) -> Result<DeleteProjectPayload, ApiError> {
        DeleteProjectPayload::of(
            async {
                let id: ProjectId = parse_id(&input.id, "id")?;
                let permit = ctx.store().project_permit(ctx.actor(), Action::DeleteProject, id).await?;
                ctx.store().delete_project(&permit).await?;
                Ok(input.id)
            }
            .await,
        )
    }
}
