use async_graphql::{Context, ID, InputObject, Object};
use nunatak_authz::Action;
use nunatak_domain::AliasName;

use super::{
    super::{
        context::ContextExt,
        error::ApiError,
        model::{Model, model_permit},
        payload::payload,
        version::version_permit,
    },
    Alias,
};

/// Where an alias should point.
#[derive(InputObject, Debug)]
pub struct MoveAliasInput {
    /// The version that it will point at, `ver_…`.
    version: ID,
    /// The alias: 1 to 60 of `a-z A-Z 0-9 . _ -`, not a number. Made if the model has none of that name.
    name: String,
    /// Why, for the history.
    reason: Option<String>,
}

payload! {
    /// What `moveAlias` moved.
    MoveAliasPayload {
        /// The alias as it is now.
        alias: Alias
    }
}

/// Which alias to remove.
#[derive(InputObject, Debug)]
pub struct RemoveAliasInput {
    /// The model, `mdl_…`.
    model: ID,
    /// The alias.
    name: String,
    /// Why, for the history.
    reason: Option<String>,
}

payload! {
    /// What `removeAlias` removed.
    RemoveAliasPayload {
        /// The model whose alias is gone.
        model: Model
    }
}

#[derive(Default, Debug)]
pub struct AliasMutation;

#[Object]
impl AliasMutation {
    /// Points an alias at a version of its model, and keeps the move as history. Maintainers and above.
    async fn move_alias(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which alias, and where to.")] input: MoveAliasInput,
    ) -> Result<MoveAliasPayload, ApiError> {
        MoveAliasPayload::of(
            async {
                let name = AliasName::parse(&input.name).map_err(|problem| problem.at("name"))?;
                let (id, permit) = version_permit(ctx, &input.version, "version", Action::PromoteVersions).await?;
                Ok(ctx.store().move_alias(&permit, id, &name, input.reason.as_deref()).await?.into())
            }
            .await,
        )
    }

    /// Takes an alias away; its history stays. Maintainers and above.
    async fn remove_alias(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which alias.")] input: RemoveAliasInput,
    ) -> Result<RemoveAliasPayload, ApiError> {
        RemoveAliasPayload::of(
            async {
                let name = AliasName::parse(&input.name).map_err(|problem| problem.at("name"))?;
                let (model, permit) = model_permit(ctx, &input.model, "model", Action::PromoteVersions).await?;
                ctx.store().remove_alias(&permit, model.id, &name, input.reason.as_deref()).await?;
                Ok(model.into())
            }
            .await,
        )
    }
}
