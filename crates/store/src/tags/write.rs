use std::collections::HashSet;

use nunatak_domain::{Name, TagId, VersionId, Visibility};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait,
    IntoActiveModel, QueryFilter,
};
use serde_json::json;

use super::{Attachable, TagRecord, attached_rows, ensure, name_ids, push, rename};
use crate::{
    Action, IdempotencyKey, Permit, Store, StoreError, db,
    entities::tags,
    rows::insert_all,
    scope::{project_of, require},
    versions::{
        MAX_TAGS, Of, VersionRecord, audience,
        register::limit,
        sql::{Binds, plain_text},
    },
};

/// What to change; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct TagChange {
    pub name: Option<Name>,
    pub description: Option<String>,
}

impl Store {
    /// `permit` is for [`Action::WriteTags`].
    ///
    /// # Errors
    /// `TAKEN`, database.
    pub async fn create_tag(
        &self,
        permit: &Permit,
        name: &Name,
        description: &str,
        key: Option<&IdempotencyKey>,
    ) -> Result<TagRecord, StoreError> {
        require(permit, Action::WriteTags)?;
        plain_text(description, "description")?;
        let (project_row, _) = project_of(permit)?;
        let txn = self.0.db.begin().await?;
        if let Some(done) = self.replayed(&txn, permit, "createTag", key).await? {
            return Ok(tag_here(&txn, permit, TagId(done)).await?.into());
        }
        let now = self.now();
        let row = tags::ActiveModel {
            id: Set(TagId::new(now).0),
            project_row: Set(project_row),
            name: Set(name.to_string()),
            description: Set(description.to_owned()),
            created_by: Set(permit.user().0),
            created_at: Set(now.micros()),
            updated_at: Set(now.micros()),
        };
        let row = row.insert(&txn).await.map_err(|error| StoreError::taken(error, "a tag of that name", "name"))?;
        self.audit(&txn, permit, TagId(row.id), json!({ "name": name })).await?;
        self.remember(&txn, permit, "createTag", key, row.id).await?;
        txn.commit().await?;
        Ok(row.into())
    }

    /// `permit` is for [`Action::WriteTags`].
    ///
    /// # Errors
    /// `NotFound`, `TAKEN`, database.
    pub async fn update_tag(&self, permit: &Permit, id: TagId, change: TagChange) -> Result<TagRecord, StoreError> {
        require(permit, Action::WriteTags)?;
        plain_text(change.description.as_deref().unwrap_or_default(), "description")?;
        let renamed = name_ids(self, change.name.as_slice()).await?;
        let txn = self.0.db.begin().await?;
        let detail = json!({ "name": change.name, "description": change.description });
        let mut row = tag_here(&txn, permit, id).await?.into_active_model();
        row.updated_at = Set(self.now().micros());
        if let Some(name) = change.name {
            row.name = Set(name.into());
        }
        if let Some(description) = change.description {
            row.description = Set(description);
        }
        let row = row.update(&txn).await.map_err(|error| StoreError::taken(error, "a tag of that name", "name"))?;
        if let [name_id] = renamed[..] {
            rename(&txn, id, name_id).await?;
        }
        self.audit(&txn, permit, id, detail).await?;
        txn.commit().await?;
        Ok(row.into())
    }

    /// Takes a tag off all versions and away. `permit` is for [`Action::WriteTags`].
    ///
    /// # Errors
    /// `NotFound`, database.
    pub async fn delete_tag(&self, permit: &Permit, id: TagId) -> Result<(), StoreError> {
        require(permit, Action::WriteTags)?;
        let txn = self.0.db.begin().await?;
        let tag = tag_here(&txn, permit, id).await?;
        tags::Entity::delete_by_id(id.0).exec(&txn).await?;
        self.audit(&txn, permit, id, json!({ "name": tag.name })).await?;
        Ok(txn.commit().await?)
    }

    /// Puts tags on a version; those that the project does not know are made. `permit` is for
    /// [`Action::AnnotateVersions`].
    ///
    /// # Errors
    /// `NotFound`, `LIMIT_EXCEEDED`, database.
    pub async fn attach_tags(
        &self,
        permit: &Permit,
        id: VersionId,
        names: &[Name],
    ) -> Result<VersionRecord, StoreError> {
        require(permit, Action::AnnotateVersions)?;
        limit("tags", names.len(), MAX_TAGS)?;
        let name_ids = name_ids(self, names).await?;
        let txn = self.0.db.begin().await?;
        let version = self.version_to_change(&txn, permit, id).await?;
        let wanted = ensure(self, &txn, version.project_row, names.iter().zip(name_ids), permit.user()).await?;
        let text = "SELECT tag_id FROM version_tags WHERE version_row = $1";
        let rows = txn.query_all_raw(db::sql(&txn, text, vec![version.row.into()])).await?;
        let there = rows.iter().map(|row| Ok(TagId(row.try_get("", "tag_id")?)));
        let there = there.collect::<Result<HashSet<_>, StoreError>>()?;
        let after = there.into_iter().chain(wanted.values().filter_map(Attachable::id)).collect::<HashSet<_>>();
        limit("tags", after.len(), MAX_TAGS)?;
        let mut rows = attached_rows();
        // Whom they are for is settled below.
        let of = Of { row: version.row, project_row: version.project_row, audience: audience::ANYBODY };
        push(&mut rows, &wanted, names.iter(), of);
        insert_all(&txn, vec![rows]).await?;
        if version.visibility == Visibility::Private {
            audience::settle(self, &txn, version.row).await?;
        }
        self.audit(&txn, permit, id, json!({ "attached": names })).await?;
        txn.commit().await?;
        Ok(version)
    }

    /// Takes tags off a version; the tags themselves stay. `permit` is for [`Action::AnnotateVersions`].
    ///
    /// # Errors
    /// `NotFound`, database.
    pub async fn detach_tags(
        &self,
        permit: &Permit,
        id: VersionId,
        names: &[Name],
    ) -> Result<VersionRecord, StoreError> {
        require(permit, Action::AnnotateVersions)?;
        limit("tags", names.len(), MAX_TAGS)?;
        let txn = self.0.db.begin().await?;
        let version = self.version_to_change(&txn, permit, id).await?;
        if !names.is_empty() {
            let mut binds = Binds::from(vec![version.row.into(), version.project_row.into()]);
            let text = format!(
                "DELETE FROM version_tags WHERE version_row = $1 \
                 AND tag_id IN (SELECT id FROM tags WHERE project_row = $2 AND name IN ({}))",
                binds.list(names.iter().map(Name::as_str))
            );
            txn.execute_raw(db::sql(&txn, &text, binds.into_values())).await?;
        }
        self.audit(&txn, permit, id, json!({ "detached": names })).await?;
        txn.commit().await?;
        Ok(version)
    }
}

async fn tag_here(txn: &DatabaseTransaction, permit: &Permit, id: TagId) -> Result<tags::Model, StoreError> {
    let (project_row, _) = project_of(permit)?;
    tags::Entity::find_by_id(id.0)
        .filter(tags::Column::ProjectRow.eq(project_row))
        .one(txn)
        .await?
        .ok_or(StoreError::NotFound("tag"))
}
