//! Versions one by one and in batches, always with one actor's eyes.

use std::{collections::HashMap, hash::Hash};

use nunatak_domain::{AliasName, ModelId, Page, PageRequest, Scalar, VersionId};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryResult, Value};
use serde_json::Value as Json;

use super::{
    Along, Company, Count, Maps, VersionRecord,
    along::Reading,
    maps,
    record::COLUMNS,
    sql::{Binds, visible},
    values::scalar,
};
use crate::{Actor, Store, StoreError, cells::Cells, db, entities::versions, paging::page_by_id, scope};

/// What is too large for every list: asked for by itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VersionDocuments {
    pub environment: Option<Json>,
    pub input_schema: Option<Json>,
}

impl Store {
    /// # Errors
    /// Database.
    pub async fn versions_by_ids(
        &self,
        actor: &Actor,
        ids: &[VersionId],
    ) -> Result<HashMap<VersionId, VersionRecord>, StoreError> {
        self.versions_in(self.0.db.read(), actor, ids).await
    }

    pub(crate) async fn versions_in(
        &self,
        db: &impl ConnectionTrait,
        actor: &Actor,
        ids: &[VersionId],
    ) -> Result<HashMap<VersionId, VersionRecord>, StoreError> {
        let found = self.versions_where(db, actor, "id", ids.iter().map(|id| id.0), false).await?;
        Ok(found.into_iter().map(|version| (version.id, version)).collect())
    }

    /// # Errors
    /// Database.
    pub async fn versions_by_rows(
        &self,
        actor: &Actor,
        rows: &[i64],
    ) -> Result<HashMap<i64, VersionRecord>, StoreError> {
        let found = self.versions_where(self.0.db.read(), actor, "row_id", rows.iter().copied(), false).await?;
        Ok(found.into_iter().map(|version| (version.row, version)).collect())
    }

    /// # Errors
    /// `NotFound` for what is absent or hidden, database.
    pub async fn version(&self, actor: &Actor, id: VersionId) -> Result<VersionRecord, StoreError> {
        self.version_in(self.0.db.read(), actor, id).await
    }

    pub(crate) async fn version_in(
        &self,
        db: &impl ConnectionTrait,
        actor: &Actor,
        id: VersionId,
    ) -> Result<VersionRecord, StoreError> {
        self.versions_where(db, actor, "id", [id.0], false).await?.pop().ok_or(StoreError::NotFound("version"))
    }

    /// The same for who is going to write metrics: one writer of a version's metrics at a time, and none while the
    /// project changes a direction. SQLite has one writer anyway.
    pub(crate) async fn version_for_metrics(
        &self,
        db: &impl ConnectionTrait,
        actor: &Actor,
        id: VersionId,
    ) -> Result<VersionRecord, StoreError> {
        self.versions_where(db, actor, "id", [id.0], db::is_postgres(db))
            .await?
            .pop()
            .ok_or(StoreError::NotFound("version"))
    }

    async fn versions_where<V: Into<Value>>(
        &self,
        db: &impl ConnectionTrait,
        actor: &Actor,
        column: &str,
        values: impl IntoIterator<Item = V>,
        lock: bool,
    ) -> Result<Vec<VersionRecord>, StoreError> {
        let (visible, mut binds) = visible(self, actor);
        let values = binds.list(values);
        if values.is_empty() {
            return Ok(Vec::new());
        }
        let (place, lock) =
            if lock { (" JOIN projects place ON place.row_id = versions.project_row", LOCK) } else { ("", "") };
        let text =
            format!("SELECT {COLUMNS} FROM versions{place} WHERE {visible} AND versions.{column} IN ({values}){lock}");
        let rows = db.query_all_raw(db::sql(db, &text, binds.into_values())).await?;
        rows.iter().map(VersionRecord::read).collect()
    }

    /// The versions among `ids` that the actor may see, with what is wanted along with them.
    ///
    /// # Errors
    /// Database.
    pub async fn versions_along_by_ids(
        &self,
        actor: &Actor,
        ids: &[VersionId],
        along: Along,
    ) -> Result<(HashMap<VersionId, VersionRecord>, Company), StoreError> {
        if ids.is_empty() {
            return Ok(Default::default());
        }
        let db = self.0.db.read();
        let along = along.for_actor(actor);
        let (visible, mut binds) = visible(self, actor);
        let ids = binds.list(ids.iter().map(|id| id.0));
        let postgres = self.0.db.is_postgres();
        let text = format!(
            "SELECT {} FROM (SELECT versions.row_id FROM versions WHERE {visible} AND versions.id IN ({ids})) AS u {}",
            along.columns(postgres),
            along.joins(postgres)
        );
        let mut reading = Reading::new(actor, along);
        let mut found = HashMap::new();
        for row in db.query_all_raw(db::sql(db, &text, binds.into_values())).await? {
            let version = reading.row(&row)?;
            found.insert(version.id, version);
        }
        Ok((found, reading.company()))
    }

    /// Versions by model and number, in no order.
    ///
    /// # Errors
    /// Database.
    pub async fn versions_by_numbers(
        &self,
        actor: &Actor,
        numbers: &[(ModelId, i64)],
    ) -> Result<Vec<VersionRecord>, StoreError> {
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let db = self.0.db.read();
        let (visible, mut binds) = visible(self, actor);
        let pairs: Vec<_> = numbers
            .iter()
            .map(|(model, number)| format!("({}, {})", binds.bind(model.0), binds.bind(*number)))
            .collect();
        let text = format!(
            "SELECT {COLUMNS} FROM versions \
             WHERE {visible} AND (versions.model_id, versions.number) IN (VALUES {})",
            pairs.join(", ")
        );
        let rows = db.query_all_raw(db::sql(db, &text, binds.into_values())).await?;
        rows.iter().map(VersionRecord::read).collect()
    }

    /// The version at which an alias points, if the actor may see it.
    ///
    /// # Errors
    /// Database.
    pub async fn version_by_alias(
        &self,
        actor: &Actor,
        model: ModelId,
        alias: &AliasName,
    ) -> Result<Option<VersionRecord>, StoreError> {
        let (visible, mut binds) = visible(self, actor);
        let (model, alias) = (binds.bind(model.0), binds.bind(alias.as_str()));
        let condition = format!(
            "{visible} AND versions.row_id = \
             (SELECT a.version_row FROM aliases a WHERE a.model_id = {model} AND a.name = {alias})"
        );
        self.version_where(&condition, binds).await
    }

    async fn version_where(&self, condition: &str, binds: Binds) -> Result<Option<VersionRecord>, StoreError> {
        let db = self.0.db.read();
        let text = format!("SELECT {COLUMNS} FROM versions WHERE {condition}");
        let row = db.query_one_raw(db::sql(db, &text, binds.into_values())).await?;
        row.as_ref().map(VersionRecord::read).transpose()
    }

    /// The newest version of each model that the actor may see.
    ///
    /// # Errors
    /// Database.
    pub async fn latest_versions(
        &self,
        actor: &Actor,
        models: &[ModelId],
    ) -> Result<HashMap<ModelId, VersionRecord>, StoreError> {
        let db = self.0.db.read();
        let (visible, mut binds) = visible(self, actor);
        let models = binds.list(models.iter().map(|model| model.0));
        let text = format!(
            "SELECT {COLUMNS} FROM versions WHERE versions.row_id IN (SELECT MAX(versions.row_id) FROM versions \
             WHERE {visible} AND versions.model_id IN ({models}) GROUP BY versions.model_id)"
        );
        let rows = db.query_all_raw(db::sql(db, &text, binds.into_values())).await?;
        let found = rows.iter().map(VersionRecord::read).collect::<Result<Vec<_>, _>>()?;
        Ok(found.into_iter().map(|version| (version.model, version)).collect())
    }

    /// The versions that were made from this one, newest first.
    ///
    /// # Errors
    /// `INVALID_CURSOR`, database.
    pub async fn version_children(
        &self,
        actor: &Actor,
        parent: &VersionRecord,
        page: &PageRequest,
    ) -> Result<Page<VersionRecord>, StoreError> {
        let select = versions::Entity::find()
            .filter(scope::versions_visible(self, actor))
            .filter(versions::Column::ParentRow.eq(parent.row));
        let list = format!("children-{}", parent.id);
        let page = page_by_id(self.0.db.read(), select, versions::Column::Id, &list, page, |row| row.id).await?;
        let items = page.items.into_iter().map(|(cursor, row)| Ok((cursor, VersionRecord::of(row, parent.project)?)));
        let items = items.collect::<Result<_, StoreError>>()?;
        Ok(Page { items, has_previous: page.has_previous, has_next: page.has_next })
    }

    /// How many versions were made from this one, up to [`COUNT_CAP`](super::COUNT_CAP).
    ///
    /// # Errors
    /// Database.
    pub async fn count_version_children(&self, actor: &Actor, parent: &VersionRecord) -> Result<Count, StoreError> {
        let (visible, mut binds) = visible(self, actor);
        let condition = format!("{visible} AND versions.parent_row = {}", binds.bind(parent.row));
        let rows = format!("SELECT 1 FROM versions WHERE {condition} LIMIT {}", super::COUNT_CAP + 1);
        self.count_in(|| "count children".to_owned(), &rows, binds).await
    }

    /// The large documents of some versions.
    ///
    /// # Errors
    /// Database.
    pub async fn version_documents(
        &self,
        actor: &Actor,
        rows: &[i64],
    ) -> Result<HashMap<i64, VersionDocuments>, StoreError> {
        let (visible, binds) = visible_rows(self, actor, rows);
        let text = format!("SELECT row_id, environment, input_schema FROM versions WHERE row_id IN {visible}");
        let json = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
        let found = self.children(&text, binds, "row_id", |row| {
            Ok(VersionDocuments {
                environment: json(row.try_get("", "environment")?),
                input_schema: json(row.try_get("", "input_schema")?),
            })
        });
        let single = |(row, mut documents): (i64, Vec<_>)| Some((row, documents.pop()?));
        Ok(found.await?.into_iter().filter_map(single).collect())
    }

    /// The maps of some versions, as far as they are there to be read at once.
    ///
    /// # Errors
    /// Database.
    pub async fn maps_of(&self, actor: &Actor, rows: &[i64]) -> Result<HashMap<i64, Maps>, StoreError> {
        let db = self.0.db.read();
        let (visible, binds) = visible_rows(self, actor, rows);
        let columns = maps::columns(self.0.db.is_postgres());
        let join = maps::JOIN;
        let text = format!("SELECT versions.row_id, {columns} FROM versions {join} WHERE versions.row_id IN {visible}");
        let found = db.query_all_raw(db::sql(db, &text, binds.into_values())).await?;
        let read = |row: &QueryResult| {
            let mut cells = Cells::of(row);
            let version_row = cells.take()?;
            Ok((version_row, Maps::take(version_row, &mut cells)?))
        };
        found.iter().map(read).collect()
    }

    /// The hyperparameters of some versions, by key; those with one of `keys` if any are given.
    ///
    /// # Errors
    /// Database.
    pub async fn hyperparameters_of(
        &self,
        actor: &Actor,
        rows: &[i64],
        keys: Option<&[String]>,
    ) -> Result<HashMap<i64, Vec<(String, Scalar)>>, StoreError> {
        self.values_of("hyperparameters", actor, rows, keys).await
    }

    /// The parameters of some versions, by key; those with one of `keys` if any are given.
    ///
    /// # Errors
    /// Database.
    pub async fn parameters_of(
        &self,
        actor: &Actor,
        rows: &[i64],
        keys: Option<&[String]>,
    ) -> Result<HashMap<i64, Vec<(String, Scalar)>>, StoreError> {
        self.values_of("parameters", actor, rows, keys).await
    }

    async fn values_of(
        &self,
        table: &str,
        actor: &Actor,
        rows: &[i64],
        keys: Option<&[String]>,
    ) -> Result<HashMap<i64, Vec<(String, Scalar)>>, StoreError> {
        let (visible, mut binds) = visible_rows(self, actor, rows);
        let named = named(keys, &mut binds);
        let text = format!(
            "SELECT x.version_row, k.name, x.kind, x.number, x.text FROM {table} x JOIN keys k ON k.id = x.key_id \
             WHERE x.version_row IN {visible}{named} ORDER BY x.version_row, k.name"
        );
        self.children(&text, binds, "version_row", |row| {
            let value = scalar(row.try_get("", "kind")?, row.try_get("", "number")?, row.try_get("", "text")?);
            Ok((row.try_get("", "name")?, value))
        })
        .await
    }

    /// Runs a statement and gathers its rows under the key in the column `parent`, in their order.
    pub(crate) async fn children<K: Eq + Hash + sea_orm::TryGetable, T>(
        &self,
        text: &str,
        binds: Binds,
        parent: &str,
        read: impl Fn(&QueryResult) -> Result<T, DbErr>,
    ) -> Result<HashMap<K, Vec<T>>, StoreError> {
        let db = self.0.db.read();
        let mut found: HashMap<K, Vec<T>> = HashMap::new();
        for row in db.query_all_raw(db::sql(db, text, binds.into_values())).await? {
            found.entry(row.try_get("", parent)?).or_default().push(read(&row)?);
        }
        Ok(found)
    }
}

const LOCK: &str = " FOR NO KEY UPDATE OF versions FOR KEY SHARE OF place";

/// `(SELECT …)`: those of `rows` that are versions that the actor may see.
pub(crate) fn visible_rows(store: &Store, actor: &Actor, rows: &[i64]) -> (String, Binds) {
    let (visible, mut binds) = visible(store, actor);
    let among = binds.among(store.0.db.is_postgres(), rows.iter().copied());
    (format!("(SELECT versions.row_id FROM versions WHERE {visible} AND versions.row_id {among})"), binds)
}

/// ` AND k.name IN (…)` for the keys asked for, nothing for all.
pub(crate) fn named(keys: Option<&[String]>, binds: &mut Binds) -> String {
    let Some(keys) = keys else { return String::new() };
    let keys = keys.iter().filter(|key| !key.contains('\0')).map(String::as_str);
    // No key is empty: an empty list is not SQL.
    format!(" AND k.name IN ({})", binds.list(keys.chain([""])))
}
