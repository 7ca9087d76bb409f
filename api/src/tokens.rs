//! Signed, short-lived tokens: access tokens of sessions, the tokens of running jobs, and those with which a runner that
//! scores loads a version's file.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use nunatak_authz::Actor;
use nunatak_domain::{JobId, ProjectId, Timestamp, UserId, VersionId};
use serde::{Deserialize, Serialize};

/// The installation's signing secret, ready for use.
pub struct TokenKeys {
    sign: EncodingKey,
    verify: DecodingKey,
}

impl std::fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKeys")
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    sub: UserId,
    /// Seconds since 1970.
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    job: Option<JobClaims>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    file: Option<FileClaims>,
}

#[derive(Debug, Serialize, Deserialize)]
struct JobClaims {
    id: JobId,
    attempt: i32,
    project: ProjectId,
}

/// A version whose file may be loaded.
#[derive(Debug, Serialize, Deserialize)]
struct FileClaims {
    version: VersionId,
    project: ProjectId,
}

/// What a valid token says; a session's user must still be looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verified {
    Session(UserId),
    /// A runner's, for one job or one file.
    Runner(Actor),
}

/// Why a token does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the access token has expired; refresh it or log in again")]
    Expired,
    #[error("the token is not one of this server's; log in again")]
    Invalid,
}

impl TokenKeys {
    /// `secret`: at least 32 random bytes, the same on every replica.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self { sign: EncodingKey::from_secret(secret), verify: DecodingKey::from_secret(secret) }
    }

    /// # Errors
    /// When signing fails, which the algorithm rules out.
    pub fn access_token(
        &self,
        user: UserId,
        now: Timestamp,
        lifetime: Duration,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        self.encode(&Claims { sub: user, exp: expiry(now, lifetime), job: None, file: None })
    }

    /// A token with which a runner works on this attempt of this job, on behalf of who submitted it.
    ///
    /// # Errors
    /// When signing fails, which the algorithm rules out.
    pub fn job_token(
        &self,
        (id, attempt, project): (JobId, i32, ProjectId),
        on_behalf_of: UserId,
        now: Timestamp,
        lifetime: Duration,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let job = Some(JobClaims { id, attempt, project });
        self.encode(&Claims { sub: on_behalf_of, exp: expiry(now, lifetime), job, file: None })
    }

    /// A token with which a runner loads the file of this version, on behalf of who has rows scored.
    ///
    /// # Errors
    /// When signing fails, which the algorithm rules out.
    pub fn file_token(
        &self,
        (version, project): (VersionId, ProjectId),
        on_behalf_of: UserId,
        now: Timestamp,
        lifetime: Duration,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let file = Some(FileClaims { version, project });
        self.encode(&Claims { sub: on_behalf_of, exp: expiry(now, lifetime), job: None, file })
    }

    fn encode(&self, claims: &Claims) -> Result<String, jsonwebtoken::errors::Error> {
        encode(&Header::new(Algorithm::HS256), claims, &self.sign)
    }

    /// # Errors
    /// [`TokenError::Expired`] by the clock given, [`TokenError::Invalid`] for anything else.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Verified, TokenError> {
        let mut rules = Validation::new(Algorithm::HS256);
        // Expiry is compared below, with the clock that the rest of the program uses.
        rules.validate_exp = false;
        rules.required_spec_claims.clear();
        let claims = decode::<Claims>(token, &self.verify, &rules).map_err(|_| TokenError::Invalid)?.claims;
        if claims.exp <= now.micros() / 1_000_000 {
            return Err(TokenError::Expired);
        }
        let on_behalf_of = claims.sub;
        Ok(match (claims.job, claims.file) {
            (None, None) => Verified::Session(on_behalf_of),
            (Some(JobClaims { id, attempt, project }), None) => {
                Verified::Runner(Actor::Job { id, attempt, project, on_behalf_of })
            }
            (None, Some(FileClaims { version, project })) => {
                Verified::Runner(Actor::Scorer { version, project, on_behalf_of })
            }
            (Some(_), Some(_)) => return Err(TokenError::Invalid),
        })
    }
}

fn expiry(now: Timestamp, lifetime: Duration) -> i64 {
    now.plus(lifetime).micros() / 1_000_000
}
