//! Credentials to actor.

use nunatak_authz::Actor;
use poem::{Request, http::header};

use crate::{ApiState, graphql::error::ApiError, tokens::Verified};

/// What a request or connection identified itself with.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    None,
    /// An access token, a job's token or an API token.
    Bearer(String),
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the secret: this reaches logs.
        f.write_str(if *self == Self::None { "None" } else { "Bearer(…)" })
    }
}

impl Credential {
    /// From an `Authorization` header's value.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` for another scheme than Bearer.
    pub fn from_header(value: Option<&str>) -> Result<Self, ApiError> {
        let Some(value) = value else { return Ok(Self::None) };
        match value.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() => {
                Ok(Self::Bearer(token.trim().to_owned()))
            }
            _ => Err(ApiError::Unauthenticated("send `Authorization: Bearer <token>`".into())),
        }
    }

    /// # Errors
    /// As for [`Credential::from_header`], or when the header is no text.
    pub fn of(request: &Request) -> Result<Self, ApiError> {
        let value = request.headers().get(header::AUTHORIZATION).map(|value| value.to_str());
        let value = value.transpose().map_err(|_| ApiError::Unauthenticated("the token is no text".into()))?;
        Self::from_header(value)
    }
}

/// Who is behind the credential right now.
///
/// # Errors
/// `UNAUTHENTICATED`, with what to do, for a token that is expired, revoked, unknown or broken.
pub async fn authenticate(state: &ApiState, credential: &Credential) -> Result<Actor, ApiError> {
    let Credential::Bearer(token) = credential else { return Ok(Actor::Anonymous) };
    let refused = |text: &str| ApiError::Unauthenticated(text.to_owned());
    if token.starts_with("nnk_") {
        let actor = state.store.actor_of_token(token).await?;
        return actor.ok_or_else(|| refused("the API token is unknown, expired or revoked"));
    }
    match state.keys.verify(token, state.store.now()).map_err(|error| refused(&error.to_string()))? {
        Verified::Session(user) => {
            state.store.actor_of(user).await?.ok_or_else(|| refused("the account is disabled or gone"))
        }
        Verified::Runner(actor) => Ok(actor),
    }
}
