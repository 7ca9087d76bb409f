use std::collections::HashMap;

use nunatak_domain::{AliasName, ModelId, Page, PageRequest, PromotionId, Timestamp, UserId};
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QueryResult, QuerySelect, entity::prelude::Uuid,
};

use crate::{
    Action, Actor, Store, StoreError,
    entities::{alias_moves, models},
    paging::{decode_cursor, encode_cursor},
    scope,
    versions::{
        read::visible_rows,
        sql::{Binds, visible},
    },
};

/// A name on a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasRecord {
    pub model: ModelId,
    pub name: String,
    pub version_row: i64,
    pub moved_by: UserId,
    pub moved_at: Timestamp,
}

/// One move of an alias: to a version (`to_row`) or away (`None`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasMoveRecord {
    pub model: ModelId,
    pub name: String,
    pub from_row: Option<i64>,
    pub to_row: Option<i64>,
    pub reason: Option<String>,
    /// The comparison that it came of.
    pub promotion: Option<PromotionId>,
    pub moved_by: UserId,
    pub moved_at: Timestamp,
}

const COLUMNS: &str = "a.model_id, a.name, a.version_row, a.moved_by, a.moved_at";

fn read(row: &QueryResult) -> Result<AliasRecord, DbErr> {
    Ok(AliasRecord {
        model: row.try_get::<Uuid>("", "model_id")?.into(),
        name: row.try_get("", "name")?,
        version_row: row.try_get("", "version_row")?,
        moved_by: row.try_get::<Uuid>("", "moved_by")?.into(),
        moved_at: Timestamp::from_micros(row.try_get("", "moved_at")?),
    })
}

impl From<alias_moves::Model> for AliasMoveRecord {
    fn from(row: alias_moves::Model) -> Self {
        Self {
            model: row.model_id.into(),
            name: row.name,
            from_row: row.from_version_row,
            to_row: row.to_version_row,
            reason: row.reason,
            promotion: row.promotion_id.map(Into::into),
            moved_by: row.moved_by.into(),
            moved_at: Timestamp::from_micros(row.moved_at),
        }
    }
}

impl Store {
    /// The aliases on some versions, by name.
    ///
    /// # Errors
    /// Database.
    pub async fn aliases_of(&self, actor: &Actor, rows: &[i64]) -> Result<HashMap<i64, Vec<AliasRecord>>, StoreError> {
        let (visible, binds) = visible_rows(self, actor, rows);
        let text = format!("SELECT {COLUMNS} FROM aliases a WHERE a.version_row IN {visible} ORDER BY a.name");
        self.children(&text, binds, "version_row", read).await
    }

    /// The aliases of some models, by name; without those that point at versions that the actor may not see.
    ///
    /// # Errors
    /// Database.
    pub async fn aliases_by_models(
        &self,
        actor: &Actor,
        models: &[ModelId],
    ) -> Result<HashMap<ModelId, Vec<AliasRecord>>, StoreError> {
        let (visible, mut binds) = visible(self, actor);
        let models = binds.list(models.iter().map(|model| model.0));
        let found = self.aliases_where(&visible, &format!("a.model_id IN ({models})"), binds).await?;
        Ok(found.into_iter().map(|(model, aliases)| (ModelId(model), aliases)).collect())
    }

    pub(super) async fn alias(
        &self,
        actor: &Actor,
        model: ModelId,
        name: &AliasName,
    ) -> Result<Option<AliasRecord>, StoreError> {
        let (visible, mut binds) = visible(self, actor);
        let condition = format!("a.model_id = {} AND a.name = {}", binds.bind(model.0), binds.bind(name.as_str()));
        let mut found = self.aliases_where(&visible, &condition, binds).await?;
        Ok(found.remove(&model.0).and_then(|mut aliases| aliases.pop()))
    }

    async fn aliases_where(
        &self,
        visible: &str,
        condition: &str,
        binds: Binds,
    ) -> Result<HashMap<Uuid, Vec<AliasRecord>>, StoreError> {
        let text = format!(
            "SELECT {COLUMNS} FROM aliases a JOIN versions ON versions.row_id = a.version_row \
             WHERE {visible} AND {condition} ORDER BY a.name"
        );
        self.children(&text, binds, "model_id", read).await
    }

    /// Where the model's aliases went, newest first; one alias only, if `name` is given.
    ///
    /// # Errors
    /// `INVALID_CURSOR`, database.
    pub async fn alias_moves(
        &self,
        actor: &Actor,
        model: ModelId,
        name: Option<&AliasName>,
        request: &PageRequest,
    ) -> Result<Page<AliasMoveRecord>, StoreError> {
        let reach = self.authorizer().reach(actor, Action::ReadVersions);
        let seen = models::Entity::find()
            .select_only()
            .column(models::Column::Id)
            .filter(models::Column::Id.eq(model.0))
            .filter(scope::project_ids(models::Column::ProjectId, reach));
        let mut select = alias_moves::Entity::find().filter(alias_moves::Column::ModelId.in_subquery(seen_query(seen)));
        if let Some(name) = name {
            select = select.filter(alias_moves::Column::Name.eq(name.as_str()));
        }
        let list = format!("moves-{model}-{}", name.map_or("", AliasName::as_str));
        if let Some(cursor) = &request.cursor {
            // Row numbers travel in the cursors' ids.
            let row = decode_cursor(&list, cursor)?.as_u128();
            let row = i64::try_from(row).map_err(|_| crate::paging::invalid_cursor())?;
            let column = alias_moves::Column::Id;
            select = select.filter(if request.backwards { column.gt(row) } else { column.lt(row) });
        }
        select = match request.backwards {
            true => select.order_by_asc(alias_moves::Column::Id),
            false => select.order_by_desc(alias_moves::Column::Id),
        };
        let rows = select.limit(u64::from(request.size) + 1).all(self.0.db.read()).await?;
        let page = Page::from_rows(request, rows, |row| {
            encode_cursor(&list, Uuid::from_u128(u128::from(row.id.unsigned_abs())))
        });
        Ok(page.map(AliasMoveRecord::from))
    }
}

fn seen_query(select: sea_orm::Select<models::Entity>) -> sea_orm::sea_query::SelectStatement {
    use sea_orm::QueryTrait;
    select.into_query()
}
