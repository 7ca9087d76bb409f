use async_graphql::{Enum, ID, Object};
use chrono::{DateTime, Utc};
use nunatak_store::identity::{ApiTokenRecord, UserRecord};

use super::super::plain::{Json, Plain, Wanted};

/// Somebody, or a program (service account), that uses Nunatak.
#[derive(Debug, Clone)]
pub struct User(pub UserRecord);

impl From<UserRecord> for User {
    fn from(record: UserRecord) -> Self {
        Self(record)
    }
}

/// Somebody, or a program (service account), that uses Nunatak.
#[Object]
impl User {
    /// `usr_…`
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// What the user signs in with; unique.
    async fn login(&self) -> &str {
        &self.0.login
    }

    /// The name to show, where one was given.
    async fn full_name(&self) -> Option<&str> {
        self.0.full_name.as_deref()
    }

    /// Seen by the user and by administrators only.
    async fn email(&self) -> Option<&str> {
        self.0.email.as_deref()
    }

    /// Whether the user administers the installation: owner everywhere.
    async fn is_admin(&self) -> bool {
        self.0.is_admin
    }

    /// Whether it is a program's account, which signs in by API token only.
    async fn is_service(&self) -> bool {
        self.0.is_service
    }

    /// When the account was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at.to_utc()
    }
}

impl Plain for User {
    type Record = UserRecord;

    fn record(&self) -> &UserRecord {
        &self.0
    }

    fn write(record: &UserRecord, field: &Wanted<'_>, out: &mut Json<'_>) -> Option<()> {
        match field.name {
            "id" => out.id(&record.id),
            "login" => out.any(&record.login),
            "fullName" => out.any(&record.full_name),
            "email" => out.any(&record.email),
            "isAdmin" => out.any(&record.is_admin),
            "isService" => out.any(&record.is_service),
            "createdAt" => out.time(record.created_at),
            _ => None,
        }
    }
}

/// What an API token may be used for.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "nunatak_domain::TokenScope")]
pub enum TokenScope {
    /// Reading all that its user may read.
    Read,
    /// Reading and changing all that its user may.
    Write,
    /// Registering a runner and claiming jobs, nothing else.
    Runner,
}

/// A secret that a program signs in with. The secret itself is shown once, when it is made.
#[derive(Debug, Clone)]
pub struct ApiToken(pub ApiTokenRecord);

impl From<ApiTokenRecord> for ApiToken {
    fn from(record: ApiTokenRecord) -> Self {
        Self(record)
    }
}

/// A secret that a program signs in with. The secret itself is shown once, when it is made.
#[Object]
impl ApiToken {
    /// `tok_…`
    async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// What it is for.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The secret's first characters, to recognise it by.
    async fn prefix(&self) -> &str {
        &self.0.prefix
    }

    /// What it may be used for.
    async fn scopes(&self) -> Vec<TokenScope> {
        self.0.scopes.iter().map(|&scope| scope.into()).collect()
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at.to_utc()
    }

    /// When it stops to count; null for never.
    async fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.0.expires_at.map(|at| at.to_utc())
    }

    /// When it was last used, to the minute.
    async fn last_used_at(&self) -> Option<DateTime<Utc>> {
        self.0.last_used_at.map(|at| at.to_utc())
    }

    /// When it was revoked.
    async fn revoked_at(&self) -> Option<DateTime<Utc>> {
        self.0.revoked_at.map(|at| at.to_utc())
    }
}
