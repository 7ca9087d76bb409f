//! Logging in, and tokens for programs.

use graphql_client::GraphQLQuery;

pub use self::create_api_token::CreateApiTokenInput;
pub use super::enums::TokenScope;
use crate::{Client, ClientError};

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "../../schema.graphql",
    query_path = "operations/auth.graphql",
    custom_scalars_module = "crate::scalars",
    variables_derives = "Debug, Clone",
    response_derives = "Debug, Clone",
    skip_serializing_none
)]
pub struct Login;

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "../../schema.graphql",
    query_path = "operations/auth.graphql",
    custom_scalars_module = "crate::scalars",
    extern_enums("TokenScope"),
    variables_derives = "Debug, Clone",
    response_derives = "Debug, Clone",
    skip_serializing_none
)]
pub struct CreateApiToken;

/// What a successful [`Client::login`] gives.
#[derive(Clone)]
pub struct Session {
    pub access_token: String,
    pub refresh_token: String,
    /// How long the access token lives.
    pub expires_in_seconds: i64,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("expires_in_seconds", &self.expires_in_seconds).finish_non_exhaustive()
    }
}

impl Client {
    /// Logs in with a password. Use [`Client::with_token`] with the access token for what follows.
    pub async fn login(&self, login: &str, password: &str) -> Result<Session, ClientError> {
        let input = login::LoginInput { login: login.into(), password: password.into() };
        let payload = self.query::<Login>(login::Variables { input }).await?.login;
        match (payload.access_token, payload.refresh_token, payload.expires_in) {
            (Some(access_token), Some(refresh_token), Some(expires_in_seconds)) => {
                Ok(Session { access_token, refresh_token, expires_in_seconds })
            }
            _ => Err(ClientError::protocol("a login without tokens")),
        }
    }

    /// Makes an API token and gives its text, which is shown only now.
    pub async fn create_api_token(&self, input: CreateApiTokenInput) -> Result<String, ClientError> {
        let data = self.query::<CreateApiToken>(create_api_token::Variables { input }).await?;
        data.create_api_token.token.ok_or_else(|| ClientError::missing("createApiToken"))
    }
}
