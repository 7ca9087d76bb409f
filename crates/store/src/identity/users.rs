use std::collections::HashMap;

use nunatak_authz::{Action, Actor, Permit};
use nunatak_domain::{Page, PageRequest, Problem, Timestamp, UserId, names::parse_login};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter,
};
use serde_json::json;

use super::secret;
use crate::{Store, StoreError, entities::users, paging::page_by_id, scope::require};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    pub id: UserId,
    pub login: String,
    pub email: Option<String>,
    pub full_name: Option<String>,
    pub is_admin: bool,
    pub is_service: bool,
    pub created_at: Timestamp,
}

impl From<users::Model> for UserRecord {
    fn from(row: users::Model) -> Self {
        Self {
            id: row.id.into(),
            login: row.login,
            email: row.email,
            full_name: row.full_name,
            is_admin: row.is_admin,
            is_service: row.is_service,
            created_at: Timestamp::from_micros(row.created_at),
        }
    }
}

impl UserRecord {
    /// Addresses are seen by their owners and by administrators.
    pub(crate) fn seen_by(self, actor: &Actor) -> Self {
        let sees = actor.is_admin() || actor.user_id() == Some(self.id);
        Self { email: self.email.filter(|_| sees), ..self }
    }
}

/// A user to be made. A service account has no password: it uses API tokens only.
#[derive(Debug, Clone, Default)]
pub struct NewUser {
    pub login: String,
    pub email: Option<String>,
    pub full_name: Option<String>,
    pub password: Option<String>,
    pub is_admin: bool,
    pub is_service: bool,
}

impl NewUser {
    fn check(&self) -> Result<(), StoreError> {
        let mut problems = Vec::new();
        if let Err(problem) = parse_login(&self.login) {
            problems.push(problem.at("login"));
        }
        if self.email.as_ref().is_some_and(|email| !email.contains('@') || email.len() > 254) {
            problems.push(Problem::new("INVALID_EMAIL", "an e-mail address has an @").at("email"));
        }
        match &self.password {
            None if !self.is_service => problems.push(
                Problem::new("PASSWORD_REQUIRED", "give a password, or make it a service account").at("password"),
            ),
            Some(password) if !(10..=256).contains(&password.len()) => {
                problems.push(Problem::new("WEAK_PASSWORD", "a password has 10 to 256 bytes").at("password"));
            }
            _ => {}
        }
        if problems.is_empty() { Ok(()) } else { Err(StoreError::Invalid(problems)) }
    }
}

impl Store {
    /// # Errors
    /// `INVALID_NAME`, `INVALID_EMAIL`, `WEAK_PASSWORD`, `TAKEN`; database.
    pub async fn create_user(&self, permit: &Permit, new: NewUser) -> Result<UserRecord, StoreError> {
        require(permit, Action::WriteUsers)?;
        new.check()?;
        let hash = hash_of(&new).await?;
        let txn = self.0.db.begin().await?;
        let user = self.insert_user(&txn, new, hash).await?;
        self.audit(&txn, permit, user.id, json!({ "login": user.login })).await?;
        txn.commit().await?;
        Ok(user)
    }

    /// The user with this login, made an administrator if absent: how the first account comes to be.
    /// For the process that owns the database only; nothing reaches it over the network.
    ///
    /// # Errors
    /// As for [`Store::create_user`].
    pub async fn ensure_local_user(&self, new: NewUser) -> Result<UserRecord, StoreError> {
        if let Some(user) = self.user_by_login(&new.login).await? {
            return Ok(user);
        }
        new.check()?;
        let hash = hash_of(&new).await?;
        let txn = self.0.db.begin().await?;
        let user = self.insert_user(&txn, new, hash).await?;
        txn.commit().await?;
        Ok(user)
    }

    async fn insert_user(
        &self,
        db: &impl ConnectionTrait,
        new: NewUser,
        password_hash: Option<String>,
    ) -> Result<UserRecord, StoreError> {
        let now = self.now();
        let row = users::ActiveModel {
            id: Set(UserId::new(now).0),
            login: Set(new.login),
            email: Set(new.email),
            full_name: Set(new.full_name),
            password_hash: Set(password_hash),
            is_admin: Set(new.is_admin),
            is_service: Set(new.is_service),
            created_at: Set(now.micros()),
            updated_at: Set(now.micros()),
            disabled_at: Set(None),
        };
        let row = row.insert(db).await.map_err(|error| StoreError::taken(error, "this login or e-mail", "login"))?;
        Ok(row.into())
    }

    /// Whether any account exists yet.
    ///
    /// # Errors
    /// Database.
    pub async fn has_users(&self) -> Result<bool, StoreError> {
        Ok(users::Entity::find().count(self.0.db.read()).await? > 0)
    }

    /// # Errors
    /// Database.
    pub async fn user_by_login(&self, login: &str) -> Result<Option<UserRecord>, StoreError> {
        let row = users::Entity::find().filter(users::Column::Login.eq(login)).one(self.0.db.read()).await?;
        Ok(row.map(UserRecord::from))
    }

    /// Authors and members by id. Names are no secret among those signed in; to others nothing is found.
    ///
    /// # Errors
    /// Database.
    pub async fn users_by_ids(&self, actor: &Actor, ids: &[UserId]) -> Result<HashMap<UserId, UserRecord>, StoreError> {
        if *actor == Actor::Anonymous {
            return Ok(HashMap::new());
        }
        let ids = ids.iter().map(|id| id.0);
        let rows = users::Entity::find().filter(users::Column::Id.is_in(ids)).all(self.0.db.read()).await?;
        Ok(rows.into_iter().map(|row| UserRecord::from(row).seen_by(actor)).map(|user| (user.id, user)).collect())
    }

    /// All users, newest first.
    ///
    /// # Errors
    /// `INVALID_CURSOR`; database.
    pub async fn users(&self, permit: &Permit, page: &PageRequest) -> Result<Page<UserRecord>, StoreError> {
        require(permit, Action::ReadUsers)?;
        let select = users::Entity::find();
        let page = page_by_id(self.0.db.read(), select, users::Column::Id, "users", page, |row| row.id).await?;
        Ok(page.map(UserRecord::from))
    }

    /// The actor behind a session of this user; `None` when it was disabled or deleted since.
    ///
    /// # Errors
    /// Database.
    pub async fn actor_of(&self, id: UserId) -> Result<Option<Actor>, StoreError> {
        let row =
            users::Entity::find_by_id(id.0).filter(users::Column::DisabledAt.is_null()).one(self.0.db.read()).await?;
        Ok(row.map(|row| Actor::User { id, login: row.login, is_admin: row.is_admin, token: None }))
    }
}

async fn hash_of(new: &NewUser) -> Result<Option<String>, StoreError> {
    match &new.password {
        Some(password) => secret::hash_password(password.clone()).await.map(Some),
        None => Ok(None),
    }
}
