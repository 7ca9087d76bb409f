use std::time::Duration;

use nunatak_domain::{Problem, Timestamp, UserId};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, entity::prelude::Uuid,
    sea_query::Expr,
};

use super::{UserRecord, secret};
use crate::{
    Store, StoreError,
    entities::{refresh_tokens, users},
};

/// How long a browser or notebook may stay away without a new login.
const REFRESH_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

/// A signed-in user and the refresh token that continues the session: shown once, usable once.
#[derive(Debug, Clone)]
pub struct Session {
    pub user: UserRecord,
    pub refresh_token: String,
}

fn bad_login() -> StoreError {
    Problem::new("BAD_CREDENTIALS", "login or password is wrong").into()
}

fn bad_refresh() -> StoreError {
    Problem::new("BAD_REFRESH_TOKEN", "the refresh token is unknown, used or expired; log in again")
        .at("refreshToken")
        .into()
}

impl Store {
    /// # Errors
    /// `BAD_CREDENTIALS`, the same for an unknown login as for a wrong password; database.
    pub async fn login(&self, login: &str, password: String) -> Result<Session, StoreError> {
        let row = users::Entity::find()
            .filter(users::Column::Login.eq(login))
            .filter(users::Column::DisabledAt.is_null())
            .one(self.0.db.read())
            .await?;
        let hash = row.as_ref().and_then(|row| row.password_hash.clone());
        let verified = secret::verify_password(password, hash).await?;
        let user = row.filter(|_| verified).ok_or_else(bad_login)?;
        let refresh_token = self.issue_refresh(self.0.db.write(), user.id.into(), Uuid::new_v4()).await?;
        Ok(Session { user: user.into(), refresh_token })
    }

    /// Takes a refresh token back and gives the next one of its family. A token that comes a second time was
    /// stolen or lost in transit: its whole family ends.
    ///
    /// # Errors
    /// `BAD_REFRESH_TOKEN`; database.
    pub async fn refresh(&self, token: &str) -> Result<Session, StoreError> {
        let now = self.now().micros();
        let txn = self.0.db.begin().await?;
        let row = refresh_tokens::Entity::find()
            .filter(refresh_tokens::Column::TokenHash.eq(secret::digest(token)))
            .one(&txn)
            .await?
            .filter(|row| row.expires_at > now && row.revoked_at.is_none())
            .ok_or_else(bad_refresh)?;
        let used = refresh_tokens::Entity::update_many()
            .col_expr(refresh_tokens::Column::UsedAt, Expr::value(now))
            .filter(refresh_tokens::Column::Id.eq(row.id))
            .filter(refresh_tokens::Column::UsedAt.is_null())
            .exec(&txn)
            .await?;
        if used.rows_affected == 0 {
            revoke_family(&txn, row.family, now).await?;
            txn.commit().await?;
            return Err(bad_refresh());
        }
        let user = users::Entity::find_by_id(row.user_id)
            .filter(users::Column::DisabledAt.is_null())
            .one(&txn)
            .await?
            .ok_or_else(bad_refresh)?;
        let refresh_token = self.issue_refresh(&txn, user.id.into(), row.family).await?;
        txn.commit().await?;
        Ok(Session { user: user.into(), refresh_token })
    }

    /// Ends the session that the refresh token belongs to; an unknown one is no error.
    ///
    /// # Errors
    /// Database.
    pub async fn logout(&self, token: &str) -> Result<(), StoreError> {
        let db = self.0.db.write();
        let hash = secret::digest(token);
        let row = refresh_tokens::Entity::find().filter(refresh_tokens::Column::TokenHash.eq(hash)).one(db).await?;
        match row {
            Some(row) => revoke_family(db, row.family, self.now().micros()).await,
            None => Ok(()),
        }
    }

    async fn issue_refresh(&self, db: &impl ConnectionTrait, user: UserId, family: Uuid) -> Result<String, StoreError> {
        let token = secret::random_secret("nnr_");
        let now: Timestamp = self.now();
        let row = refresh_tokens::ActiveModel {
            id: Set(Uuid::new_v4()),
            family: Set(family),
            user_id: Set(user.0),
            token_hash: Set(secret::digest(&token)),
            created_at: Set(now.micros()),
            expires_at: Set(now.plus(REFRESH_LIFETIME).micros()),
            used_at: Set(None),
            revoked_at: Set(None),
        };
        row.insert(db).await?;
        Ok(token)
    }
}

async fn revoke_family(db: &impl ConnectionTrait, family: Uuid, now: i64) -> Result<(), StoreError> {
    refresh_tokens::Entity::update_many()
        .col_expr(refresh_tokens::Column::RevokedAt, Expr::value(now))
        .filter(refresh_tokens::Column::Family.eq(family))
        .filter(refresh_tokens::Column::RevokedAt.is_null())
        .exec(db)
        .await?;
    Ok(())
}
