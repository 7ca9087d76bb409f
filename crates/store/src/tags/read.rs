use std::collections::HashMap;

use nunatak_domain::{Page, PageRequest, ProjectId, TagId, Timestamp, UserId};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait, Select};

use crate::{
    Action, Actor, Store, StoreError,
    cells::Cells,
    db,
    entities::{projects, tags},
    paging::page_by_id,
    scope,
    versions::{VersionRecord, read::visible_rows, sql::Binds},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagRecord {
    pub id: TagId,
    pub project_row: i64,
    pub name: String,
    pub description: String,
    pub created_by: UserId,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl From<tags::Model> for TagRecord {
    fn from(row: tags::Model) -> Self {
        Self {
            id: row.id.into(),
            project_row: row.project_row,
            name: row.name,
            description: row.description,
            created_by: row.created_by.into(),
            created_at: Timestamp::from_micros(row.created_at),
            updated_at: Timestamp::from_micros(row.updated_at),
        }
    }
}

impl Store {
    /// The tags on some versions, by name.
    ///
    /// # Errors
    /// Database.
    pub async fn tags_of(&self, actor: &Actor, rows: &[i64]) -> Result<HashMap<i64, Vec<TagRecord>>, StoreError> {
        let (visible, binds) = visible_rows(self, actor, rows);
        self.tags_on(&format!("IN {visible}"), binds).await
    }

    /// The same for versions that were just found: who holds the record may see it.
    ///
    /// # Errors
    /// Database.
    pub async fn tags_of_found<'a>(
        &self,
        versions: impl IntoIterator<Item = &'a VersionRecord>,
    ) -> Result<HashMap<i64, Vec<TagRecord>>, StoreError> {
        let mut binds = Binds::default();
        let rows = versions.into_iter().map(|version| version.row);
        let among = binds.among(self.0.db.is_postgres(), rows);
        self.tags_on(&among, binds).await
    }

    /// The tags on the versions whose row numbers pass `among`, by name.
    async fn tags_on(&self, among: &str, binds: Binds) -> Result<HashMap<i64, Vec<TagRecord>>, StoreError> {
        let db = self.0.db.read();
        // Else PostgreSQL would read all tags to join so many.
        let tags = match self.0.db.is_postgres() {
            true => "CROSS JOIN LATERAL (SELECT * FROM tags d WHERE d.id = x.tag_id OFFSET 0) AS t",
            false => "CROSS JOIN tags t ON t.id = x.tag_id",
        };
        let text = format!(
            "SELECT x.version_row, t.id, t.project_row, t.name, t.description, t.created_by, t.created_at, t.updated_at \
             FROM version_tags x {tags} WHERE x.version_row {among}"
        );
        let mut found: HashMap<i64, Vec<TagRecord>> = HashMap::new();
        for row in db.query_all_raw(db::sql(db, &text, binds.into_values())).await? {
            let mut cells = Cells::of(&row);
            let tags = found.entry(cells.take()?).or_default();
            let tag = tags::Model {
                id: cells.take()?,
                project_row: cells.take()?,
                name: cells.take()?,
                description: cells.take()?,
                created_by: cells.take()?,
                created_at: cells.take()?,
                updated_at: cells.take()?,
            };
            tags.push(tag.into());
        }
        for tags in found.values_mut() {
            tags.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        }
        Ok(found)
    }

    fn visible_tags(&self, actor: &Actor) -> Select<tags::Entity> {
        let reach = self.authorizer().reach(actor, Action::ReadVersions);
        tags::Entity::find().filter(scope::project_rows(tags::Column::ProjectRow, reach))
    }

    /// # Errors
    /// Database.
    pub async fn tags_by_ids(&self, actor: &Actor, ids: &[TagId]) -> Result<HashMap<TagId, TagRecord>, StoreError> {
        let select = self.visible_tags(actor).filter(tags::Column::Id.is_in(ids.iter().map(|id| id.0)));
        let rows = select.all(self.0.db.read()).await?;
        Ok(rows.into_iter().map(|row| (row.id.into(), row.into())).collect())
    }

    /// The tag and its project.
    ///
    /// # Errors
    /// `NotFound` for what is absent or hidden, database.
    pub async fn tag(&self, actor: &Actor, id: TagId) -> Result<(TagRecord, ProjectId), StoreError> {
        let row = self
            .visible_tags(actor)
            .filter(tags::Column::Id.eq(id.0))
            .one(self.0.db.read())
            .await?
            .ok_or(StoreError::NotFound("tag"))?;
        let project = projects::Entity::find_by_id(row.project_row)
            .one(self.0.db.read())
            .await?
            .ok_or(StoreError::NotFound("tag"))?;
        Ok((row.into(), project.id.into()))
    }

    /// The tags that the actor may see, newest first; of one project, if given.
    ///
    /// # Errors
    /// `INVALID_CURSOR`, database.
    pub async fn tags(
        &self,
        actor: &Actor,
        project: Option<ProjectId>,
        page: &PageRequest,
    ) -> Result<Page<TagRecord>, StoreError> {
        let mut select = self.visible_tags(actor);
        if let Some(project) = project {
            let row = projects::Entity::find()
                .select_only()
                .column(projects::Column::RowId)
                .filter(projects::Column::Id.eq(project.0));
            select = select.filter(tags::Column::ProjectRow.in_subquery(row.into_query()));
        }
        let page = page_by_id(self.0.db.read(), select, tags::Column::Id, "tags", page, |row| row.id).await?;
        Ok(page.map(TagRecord::from))
    }
}
