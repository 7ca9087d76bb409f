use async_graphql::{Context, ID, InputObject, Object};
use nunatak_authz::{Action, Permit};
use nunatak_domain::{ProjectId, ids::prefix_of};
use nunatak_store::StoreError;

use super::{
    super::{
        context::{ContextExt, parse_id},
        error::ApiError,
        payload::payload,
        scalars::Role,
    },
    Member,
};

/// Who gets which role where.
#[derive(InputObject, Debug)]
pub struct SetMemberInput {
    /// A workspace (`ws_…`) or project (`prj_…`).
    subject: ID,
    /// The user's login.
    login: String,
    /// The role; replaces the one that the user has there.
    role: Role,
}

payload! {
    /// What `setMember` did.
    SetMemberPayload {
        /// The member as it is now.
        member: Member
    }
}

/// Whose membership ends where.
#[derive(InputObject, Debug)]
pub struct RemoveMemberInput {
    /// A workspace (`ws_…`) or project (`prj_…`).
    subject: ID,
    /// The user's login.
    login: String,
}

payload! {
    /// What `removeMember` did.
    RemoveMemberPayload {
        /// The login of who is no member any more.
        removed_login: String
    }
}

#[derive(Default, Debug)]
pub struct MemberMutation;

#[Object]
impl MemberMutation {
    /// Makes a user a member of a workspace or project, or changes a member's role. Owners only.
    async fn set_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who gets which role where.")] input: SetMemberInput,
    ) -> Result<SetMemberPayload, ApiError> {
        SetMemberPayload::of(
            async {
                let permit = permit(ctx, &input.subject).await?;
                Ok(ctx.store().set_member(&permit, &input.login, input.role.into()).await?.into())
            }
            .await,
        )
    }

    /// Ends a membership; it takes effect with the user's next request. Owners only.
    async fn remove_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose membership ends where.")] input: RemoveMemberInput,
    ) -> Result<RemoveMemberPayload, ApiError> {
        RemoveMemberPayload::of(
            async {
                let permit = permit(ctx, &input.subject).await?;
                ctx.store().remove_member(&permit, &input.login).await?;
                Ok(input.login)
            }
            .await,
        )
    }
}

async fn permit(ctx: &Context<'_>, subject: &ID) -> Result<Permit, StoreError> {
    if prefix_of(subject) == ProjectId::PREFIX {
        return ctx.store().project_permit(ctx.actor(), Action::WriteMembers, parse_id(subject, "subject")?).await;
    }
    ctx.store().workspace_permit(ctx.actor(), Action::WriteMembers, parse_id(subject, "subject")?).await
}
