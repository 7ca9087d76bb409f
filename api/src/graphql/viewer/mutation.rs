use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use nunatak_authz::Action;
use nunatak_domain::Name;
use nunatak_store::{
    StoreError,
    identity::{NewApiToken, NewUser},
};

use super::{
    super::{
        context::{ContextExt, parse_id, parse_optional_id},
        error::ApiError,
        payload::{UserError, payload},
    },
    ApiToken, User,
    session::{LoginInput, LogoutInput, LogoutPayload, RefreshTokenInput, SessionPayload},
    types::TokenScope,
};

/// An account to be made.
#[derive(InputObject)]
pub struct CreateUserInput {
    /// 2 to 60 of `a-z 0-9 . _ -`; unique.
    login: String,
    /// The name to show.
    full_name: Option<String>,
    /// Unique, where given.
    email: Option<String>,
    /// 10 to 256 bytes; left out for service accounts.
    password: Option<String>,
    /// Whether the user administers the installation.
    #[graphql(default)]
    is_admin: bool,
    /// Whether it is a program's account, which signs in by API token only.
    #[graphql(default)]
    is_service: bool,
}

payload! {
    /// What `createUser` made.
    CreateUserPayload {
        /// The new account.
        user: User
    }
}

/// An API token to be made.
#[derive(InputObject, Debug)]
pub struct CreateApiTokenInput {
    /// What it is for.
    name: String,
    /// What it may be used for.
    scopes: Vec<TokenScope>,
    /// When it stops to count; never unless said.
    expires_at: Option<DateTime<Utc>>,
    /// Whose it will be, `usr_…`; your own unless said. Administrators only.
    for_user: Option<ID>,
}

/// What `createApiToken` made.
#[derive(SimpleObject)]
pub struct CreateApiTokenPayload {
    /// The secret, shown this once.
    token: Option<String>,
    /// What is kept of it.
    api_token: Option<ApiToken>,
    /// What is wrong with the input; empty when all went well.
    user_errors: Vec<UserError>,
}

/// Which token to revoke.
#[derive(InputObject, Debug)]
pub struct RevokeApiTokenInput {
    /// `tok_…`
    id: ID,
}

payload! {
    /// What `revokeApiToken` did.
    RevokeApiTokenPayload {
        /// The token, which does not count any more.
        api_token: ApiToken
    }
}

#[derive(Default, Debug)]
pub struct ViewerMutation;

#[Object]
impl ViewerMutation {
    /// Signs in with login and password.
    async fn login(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who signs in.")] input: LoginInput,
    ) -> Result<SessionPayload, ApiError> {
        let session = ctx.store().login(&input.login, input.password).await;
        SessionPayload::of(ctx.state(), session)
    }

    /// Continues a session: a new access token and the next refresh token. One that comes twice ends the session.
    async fn refresh_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which session to continue.")] input: RefreshTokenInput,
    ) -> Result<SessionPayload, ApiError> {
        let session = ctx.store().refresh(&input.refresh_token).await;
        SessionPayload::of(ctx.state(), session)
    }

    /// Ends a session: its refresh tokens do not count any more. Its access token runs out by itself.
    async fn logout(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which session to end.")] input: LogoutInput,
    ) -> Result<LogoutPayload, ApiError> {
        ctx.store().logout(&input.refresh_token).await?;
        Ok(LogoutPayload { user_errors: Vec::new() })
    }

    /// Makes an account. Administrators only.
    async fn create_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account to make.")] input: CreateUserInput,
    ) -> Result<CreateUserPayload, ApiError> {
        let permit = ctx.permit(Action::WriteUsers)?;
        let new = NewUser {
            login: input.login,
            email: input.email,
            full_name: input.full_name,
            password: input.password,
            is_admin: input.is_admin,
            is_service: input.is_service,
        };
        CreateUserPayload::of(ctx.store().create_user(&permit, new).await.map(User::from))
    }

    /// Makes an API token, for yourself or (administrators) for a service account.
    async fn create_api_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token to make.")] input: CreateApiTokenInput,
    ) -> Result<CreateApiTokenPayload, ApiError> {
        let permit = ctx.permit(Action::WriteTokens)?;
        let made = async {
            let name = Name::parse(&input.name).map_err(|problem| problem.at("name"))?;
            let new = NewApiToken {
                name,
                scopes: input.scopes.into_iter().map(Into::into).collect(),
                expires_at: input.expires_at.map(Into::into),
                for_user: parse_optional_id(input.for_user.as_ref(), "forUser")?,
            };
            ctx.store().create_api_token(&permit, new).await
        };
        match made.await {
            Ok((token, record)) => Ok(CreateApiTokenPayload {
                token: Some(token),
                api_token: Some(record.into()),
                user_errors: Vec::new(),
            }),
            Err(StoreError::Invalid(problems)) => Ok(CreateApiTokenPayload {
                token: None,
                api_token: None,
                user_errors: problems.iter().map(Into::into).collect(),
            }),
            Err(error) => Err(error.into()),
        }
    }

    /// Revokes an API token; it does not count from the next request on.
    async fn revoke_api_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which token.")] input: RevokeApiTokenInput,
    ) -> Result<RevokeApiTokenPayload, ApiError> {
        let permit = ctx.permit(Action::WriteTokens)?;
        let revoked = async { ctx.store().revoke_api_token(&permit, parse_id(&input.id, "id")?).await };
        RevokeApiTokenPayload::of(revoked.await.map(ApiToken::from))
    }
}
