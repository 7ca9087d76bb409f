use async_graphql::{Context, ID, InputObject, Object};
use nunatak_authz::{Action, Permit};
use nunatak_domain::{ModelId, Name};
use nunatak_store::{
    StoreError,
    models::{ModelChange, ModelRecord},
};

use super::{
    super::{
        context::{ContextExt, parse_id},
        error::ApiError,
        payload::payload,
    },
    Model,
};

/// What to change in a model; what is left out stays.
#[derive(InputObject, Debug)]
pub struct UpdateModelInput {
    /// `mdl_…`
    id: ID,
    /// A new name.
    name: Option<String>,
    /// A new description.
    description: Option<String>,
}

payload! {
    /// What `updateModel` changed.
    UpdateModelPayload {
        /// The model as it is now.
        model: Model
    }
}

/// Which model to delete.
#[derive(InputObject, Debug)]
pub struct DeleteModelInput {
    /// `mdl_…`
    id: ID,
}

payload! {
    /// What `deleteModel` removed.
    DeleteModelPayload {
        /// The id of the model that is gone.
        deleted_id: ID
    }
}

#[derive(Default, Debug)]
pub struct ModelMutation;

#[Object]
impl ModelMutation {
    /// Renames or describes a model. Developers and above.
    async fn update_model(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UpdateModelInput,
    ) -> Result<UpdateModelPayload, ApiError> {
        UpdateModelPayload::of(
            async {
                let (model, permit) = model_permit(ctx, &input.id, "id", Action::WriteModels).await?;
                let name = input.name.as_deref().map(Name::parse).transpose().map_err(|problem| problem.at("name"))?;
                let change = ModelChange { name, description: input.description };
                Ok(ctx.store().update_model(&permit, model.id, change).await?.into())
            }
            .await,
        )
    }

    /// Removes a model that has no alias, with all its versions. Maintainers and above.
    async fn delete_model(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: DeleteModelInput,
    ) -> Result<DeleteModelPayload, ApiError> {
        DeleteModelPayload::of(
            async {
                let (model, permit) = model_permit(ctx, &input.id, "id", Action::DeleteModels).await?;
                ctx.store().delete_model(&permit, model.id).await?;
                Ok(input.id)
            }
            .await,
        )
    }
}

/// A model that the viewer sees, and a permit for its project.
pub(crate) async fn model_permit(
    ctx: &Context<'_>,
    id: &ID,
    field: &str,
    action: Action,
) -> Result<(ModelRecord, Permit), StoreError> {
    let id: ModelId = parse_id(id, field)?;
    let model = ctx.store().model(ctx.actor(), id).await?;
    let permit = ctx.store().project_permit(ctx.actor(), action, model.project).await?;
    Ok((model, permit))
}
