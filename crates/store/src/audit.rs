use nunatak_authz::{Action, Actor, Permit};
use nunatak_domain::{ApiTokenId, AuditEventId, Page, PageRequest, ProjectId, Timestamp, UserId};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde_json::Value;

use crate::{
    Store, StoreError,
    entities::audit_events,
    paging::page_by_id,
    rows::{Rows, insert_all},
    scope,
};

/// Who did what to which, when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    pub id: AuditEventId,
    pub at: Timestamp,
    pub user: Option<UserId>,
    pub token: Option<ApiTokenId>,
    /// The action's word in the policy, `version:promote`.
    pub action: String,
    /// The public id of what was acted on.
    pub subject: String,
    pub project: Option<ProjectId>,
    pub detail: Value,
}

impl From<audit_events::Model> for AuditRecord {
    fn from(row: audit_events::Model) -> Self {
        Self {
            id: row.id.into(),
            at: Timestamp::from_micros(row.at),
            user: row.user_id.map(Into::into),
            token: row.token_id.map(Into::into),
            action: row.action,
            subject: row.subject,
            project: row.project_id.map(Into::into),
            detail: serde_json::from_str(&row.detail).unwrap_or(Value::Null),
        }
    }
}

pub(crate) fn rows() -> Rows {
    Rows::into("audit_events", "id, at, user_id, token_id, action, subject, workspace_id, project_id, detail")
}

/// Adds what `permit` is used for.
pub(crate) fn push(rows: &mut Rows, permit: &Permit, now: Timestamp, subject: impl std::fmt::Display, detail: &Value) {
    rows.push(cells(permit, now, subject, &detail.to_string()));
}

/// The same with one more value beside it.
pub(crate) fn push_beside(
    rows: &mut Rows,
    permit: &Permit,
    now: Timestamp,
    subject: impl std::fmt::Display,
    detail: &str,
    beside: i64,
) {
    let [a, b, c, d, e, f, g, h, i] = cells(permit, now, subject, detail);
    rows.push([a, b, c, d, e, f, g, h, i, beside.into()]);
}

fn cells(permit: &Permit, now: Timestamp, subject: impl std::fmt::Display, detail: &str) -> [sea_orm::Value; 9] {
    let uuid = sea_orm::Value::Uuid;
    [
        AuditEventId::new(now).0.into(),
        now.micros().into(),
        permit.user().0.into(),
        uuid(permit.token().map(Into::into)),
        permit.action().word().into(),
        subject.to_string().into(),
        uuid(permit.workspace().map(Into::into)),
        uuid(permit.project().map(Into::into)),
        detail.into(),
    ]
}

impl Store {
    /// Notes what `permit` was used for, in the transaction that did it.
    pub(crate) async fn audit(
        &self,
        db: &impl ConnectionTrait,
        permit: &Permit,
        subject: impl std::fmt::Display,
        detail: Value,
    ) -> Result<(), StoreError> {
        let mut rows = rows();
        push(&mut rows, permit, self.now(), subject, &detail);
        Ok(insert_all(db, vec![rows]).await?)
    }

    /// What happened in the projects whose audit the actor may read, newest first.
    ///
    /// # Errors
    /// `INVALID_CURSOR`, database.
    pub async fn audit_events(
        &self,
        actor: &Actor,
        project: Option<ProjectId>,
        page: &PageRequest,
    ) -> Result<Page<AuditRecord>, StoreError> {
        let reach = self.authorizer().reach(actor, Action::ReadAudit);
        let mut select =
            audit_events::Entity::find().filter(scope::project_ids(audit_events::Column::ProjectId, reach));
        if let Some(project) = project {
            select = select.filter(audit_events::Column::ProjectId.eq(project.0));
        }
        let page = page_by_id(self.0.db.read(), select, audit_events::Column::Id, "audit", page, |row| row.id).await?;
        Ok(page.map(AuditRecord::from))
    }
}
