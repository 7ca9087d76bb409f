use async_graphql::{InputObject, SimpleObject};
use nunatak_store::{StoreError, identity};

use super::{
    super::{error::ApiError, payload::UserError},
    User,
};
use crate::ApiState;

/// Who signs in.
#[derive(InputObject)]
pub struct LoginInput {
    /// The user's login.
    pub(super) login: String,
    /// The user's password.
    pub(super) password: String,
}

/// Which session to continue or end.
#[derive(InputObject)]
pub struct RefreshTokenInput {
    /// The refresh token that came last. Each counts once; the answer has the next.
    pub(super) refresh_token: String,
}

/// Which session to end.
#[derive(InputObject)]
pub struct LogoutInput {
    /// The session's last refresh token.
    pub(super) refresh_token: String,
}

/// What `logout` did.
#[derive(SimpleObject, Debug)]
pub struct LogoutPayload {
    /// Always empty: ending a session that is not there is fine.
    pub user_errors: Vec<UserError>,
}

/// A session, or why there is none.
#[derive(SimpleObject)]
pub struct SessionPayload {
    /// Send it as `Authorization: Bearer …`.
    access_token: Option<String>,
    /// Good for one `refreshToken` within 30 days. Keep it secret.
    refresh_token: Option<String>,
    /// Seconds until the access token expires.
    expires_in: Option<i32>,
    /// Who is signed in.
    user: Option<User>,
    /// What is wrong with the input; empty when all went well.
    user_errors: Vec<UserError>,
}

impl SessionPayload {
    pub(super) fn of(state: &ApiState, result: Result<identity::Session, StoreError>) -> Result<Self, ApiError> {
        let session = match result {
            Ok(session) => session,
            Err(StoreError::Invalid(problems)) => {
                let user_errors = problems.iter().map(Into::into).collect();
                return Ok(Self { access_token: None, refresh_token: None, expires_in: None, user: None, user_errors });
            }
            Err(error) => return Err(error.into()),
        };
        let lifetime = state.options.access_lifetime;
        let token = state.keys.access_token(session.user.id, state.store.now(), lifetime)?;
        Ok(Self {
            access_token: Some(token),
            refresh_token: Some(session.refresh_token),
            expires_in: i32::try_from(lifetime.as_secs()).ok(),
            user: Some(session.user.into()),
            user_errors: Vec::new(),
        })
    }
}
