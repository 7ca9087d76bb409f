use std::time::Duration;

use nunatak_authz::{Action, Actor, Permit, Reach};
use nunatak_domain::{ApiTokenId, Name, Page, PageRequest, Problem, Timestamp, TokenScope, UserId};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
    entity::prelude::Uuid, sea_query::Expr,
};
use serde_json::json;

use super::secret;
use crate::{
    Store, StoreError, db,
    entities::{api_tokens, users},
    paging::page_by_id,
    scope::require,
};

/// A last use within this is not written again: one write a minute, not one a request.
const LAST_USED_GRAIN: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiTokenRecord {
    pub id: ApiTokenId,
    pub user: UserId,
    pub name: String,
    /// The first characters of the secret, to recognise it by.
    pub prefix: String,
    pub scopes: Vec<TokenScope>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

/// A token to be made: for the actor, or (administrators only) for another user, a service account say.
#[derive(Debug, Clone)]
pub struct NewApiToken {
    pub name: Name,
    pub scopes: Vec<TokenScope>,
    pub expires_at: Option<Timestamp>,
    pub for_user: Option<UserId>,
}

impl From<api_tokens::Model> for ApiTokenRecord {
    fn from(row: api_tokens::Model) -> Self {
        let at = |micros: Option<i64>| micros.map(Timestamp::from_micros);
        Self {
            id: row.id.into(),
            user: row.user_id.into(),
            name: row.name,
            prefix: row.prefix,
            scopes: parse_scopes(&row.scopes),
            created_at: Timestamp::from_micros(row.created_at),
            expires_at: at(row.expires_at),
            last_used_at: at(row.last_used_at),
            revoked_at: at(row.revoked_at),
        }
    }
}

/// Scopes are kept as their numbers, joined by commas; one that this program does not know grants nothing.
fn parse_scopes(text: &str) -> Vec<TokenScope> {
    text.split(',').filter_map(|number| number.parse().ok()).filter_map(TokenScope::from_number).collect()
}

impl Store {
    /// The secret (shown this once) and what is kept of it.
    ///
    /// # Errors
    /// `INVALID_INPUT` without scopes or with an expiry in the past, `BEYOND_TOKEN` for more than the API token in
    /// use may itself, `FORBIDDEN_USER` for another user's token
    /// unless the actor is an administrator; database.
    pub async fn create_api_token(
        &self,
        permit: &Permit,
        new: NewApiToken,
    ) -> Result<(String, ApiTokenRecord), StoreError> {
        require(permit, Action::WriteTokens)?;
        let user = new.for_user.unwrap_or(permit.user());
        if user != permit.user() && !permit.actor().is_admin() {
            let message = "only an administrator may make tokens for other users";
            return Err(Problem::new("FORBIDDEN_USER", message).at("forUser").into());
        }
        let (secret, row) = self.new_token_row(user, permit.user(), &new)?;
        let txn = self.0.db.begin().await?;
        within_its_maker(&txn, permit, &new).await?;
        if users::Entity::find_by_id(user.0).one(&txn).await?.is_none() {
            return Err(Problem::new("NOT_FOUND", "there is no such user").at("forUser").into());
        }
        let record: ApiTokenRecord = row.insert(&txn).await?.into();
        self.audit(&txn, permit, record.id, json!({ "name": record.name, "forUser": user })).await?;
        txn.commit().await?;
        Ok((secret, record))
    }

    /// A token for a user of this very installation, made by the process that owns the database: the
    /// embedded runner's, or `nunatak token create` on the server's machine. The user's earlier token of the
    /// same name ends.
    ///
    /// # Errors
    /// As for [`Store::create_api_token`].
    pub async fn create_local_token(&self, user: UserId, new: &NewApiToken) -> Result<String, StoreError> {
        let (secret, row) = self.new_token_row(user, user, new)?;
        let txn = self.0.db.begin().await?;
        api_tokens::Entity::update_many()
            .col_expr(api_tokens::Column::RevokedAt, Expr::value(self.now().micros()))
            .filter(api_tokens::Column::UserId.eq(user.0))
            .filter(api_tokens::Column::Name.eq(new.name.as_str()))
            .filter(api_tokens::Column::RevokedAt.is_null())
            .exec(&txn)
            .await?;
        row.insert(&txn).await?;
        txn.commit().await?;
        Ok(secret)
    }

    fn new_token_row(
        &self,
        user: UserId,
        created_by: UserId,
        new: &NewApiToken,
    ) -> Result<(String, api_tokens::ActiveModel), StoreError> {
        let now = self.now();
        if new.scopes.is_empty() {
            return Err(Problem::new("INVALID_INPUT", "give at least one scope").at("scopes").into());
        }
        if new.expires_at.is_some_and(|at| at <= now) {
            return Err(Problem::new("INVALID_INPUT", "the expiry must lie in the future").at("expiresAt").into());
        }
        let secret = secret::random_secret("nnk_");
        let scopes: Vec<String> = new.scopes.iter().map(|scope| scope.number().to_string()).collect();
        let row = api_tokens::ActiveModel {
            id: Set(ApiTokenId::new(now).0),
            user_id: Set(user.0),
            name: Set(new.name.as_str().to_owned()),
            prefix: Set(secret.chars().take(10).collect()),
            token_hash: Set(secret::digest(&secret)),
            scopes: Set(scopes.join(",")),
            created_by: Set(created_by.0),
            created_at: Set(now.micros()),
            expires_at: Set(new.expires_at.map(Timestamp::micros)),
            last_used_at: Set(None),
            revoked_at: Set(None),
        };
        Ok((secret, row))
    }

    /// # Errors
    /// `NotFound` for a token that is not the actor's own (administrators: that does not exist); database.
    pub async fn revoke_api_token(&self, permit: &Permit, id: ApiTokenId) -> Result<ApiTokenRecord, StoreError> {
        require(permit, Action::WriteTokens)?;
        let txn = self.0.db.begin().await?;
        let row = api_tokens::Entity::find_by_id(id.0)
            .one(&txn)
            .await?
            .filter(|row| row.user_id == permit.user().0 || permit.actor().is_admin())
            .ok_or(StoreError::NotFound("token"))?;
        let mut row = row.into_active_model();
        row.revoked_at = Set(Some(self.now().micros()));
        let record: ApiTokenRecord = row.update(&txn).await?.into();
        self.audit(&txn, permit, id, json!({ "revoked": true })).await?;
        txn.commit().await?;
        Ok(record)
    }

    /// The actor's own tokens, newest first.
    ///
    /// # Errors
    /// `INVALID_CURSOR`; database.
    pub async fn api_tokens(&self, actor: &Actor, page: &PageRequest) -> Result<Page<ApiTokenRecord>, StoreError> {
        let own = match actor {
            Actor::User { id, .. } if self.authorizer().reach(actor, Action::ReadProject) != Reach::Nothing => {
                Some(id.0)
            }
            _ => None,
        };
        let select = api_tokens::Entity::find().filter(api_tokens::Column::UserId.eq(own));
        let page = page_by_id(self.0.db.read(), select, api_tokens::Column::Id, "tokens", page, |row| row.id).await?;
        Ok(page.map(ApiTokenRecord::from))
    }

    /// The actor behind an API token's secret; `None` for one that is unknown, expired or revoked.
    ///
    /// # Errors
    /// Database.
    pub async fn actor_of_token(&self, secret: &str) -> Result<Option<Actor>, StoreError> {
        let (now, db) = (self.now(), self.0.db.read());
        // One statement: it stands before every request of every client.
        let text = "SELECT t.id, t.user_id, t.scopes, t.last_used_at, u.login, u.is_admin \
                    FROM api_tokens t JOIN users u ON u.id = t.user_id \
                    WHERE t.token_hash = $1 AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > $2) \
                    AND u.disabled_at IS NULL";
        let values = vec![secret::digest(secret).into(), now.micros().into()];
        let Some(row) = db.query_one_raw(db::sql(db, text, values)).await? else { return Ok(None) };
        let id: Uuid = row.try_get("", "id")?;
        let last_used: Option<i64> = row.try_get("", "last_used_at")?;
        if last_used.is_none_or(|at| Timestamp::from_micros(at).plus(LAST_USED_GRAIN) < now) {
            api_tokens::Entity::update_many()
                .col_expr(api_tokens::Column::LastUsedAt, Expr::value(now.micros()))
                .filter(api_tokens::Column::Id.eq(id))
                .exec(self.0.db.write())
                .await?;
        }
        let scopes: String = row.try_get("", "scopes")?;
        Ok(Some(Actor::User {
            id: row.try_get::<Uuid>("", "user_id")?.into(),
            login: row.try_get("", "login")?,
            is_admin: row.try_get("", "is_admin")?,
            token: Some((id.into(), parse_scopes(&scopes))),
        }))
    }
}

/// A token makes no token that may do more, or that lives longer, than itself.
async fn within_its_maker(db: &impl ConnectionTrait, permit: &Permit, new: &NewApiToken) -> Result<(), StoreError> {
    let Some(id) = permit.token() else { return Ok(()) };
    let maker = api_tokens::Entity::find_by_id(id.0).one(db).await?.ok_or(StoreError::NotFound("token"))?;
    let scopes = parse_scopes(&maker.scopes);
    if new.scopes.iter().any(|scope| !scopes.contains(scope)) {
        let message = "the token in use lacks one of these scopes; sign in with a password to make such a token";
        return Err(Problem::new("BEYOND_TOKEN", message).at("scopes").into());
    }
    if maker.expires_at.is_some_and(|end| new.expires_at.is_none_or(|at| at.micros() > end)) {
        let message = "the token in use ends earlier; sign in with a password to make a longer-lived one";
        return Err(Problem::new("BEYOND_TOKEN", message).at("expiresAt").into());
    }
    Ok(())
}
