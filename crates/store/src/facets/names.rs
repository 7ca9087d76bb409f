use nunatak_authz::Action;
use nunatak_domain::{ProjectId, UserId, VersionStatus};
use sea_orm::{
    ConnectionTrait, DbErr, QueryResult, TryGetable,
    entity::prelude::Uuid,
    sea_query::{PostgresQueryBuilder, Query},
};

use super::{Considered, Top};
use crate::{Store, StoreError, db, entities::datasets, scope, versions::sql::Binds};

/// A value, and how many of the versions have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted<T> {
    pub value: T,
    pub count: i64,
}

/// What kind of names to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NameFacet {
    Tag,
    Alias,
    GitBranch,
    ModelName,
    /// The detector's name, whatever its version.
    Detector,
    /// The dataset's, kept here (where the actor may read datasets) or elsewhere.
    Dataset,
}

impl NameFacet {
    /// The expression of the name, and what it stands in, joined to `considered c`. The rows that were found lead:
    /// `CROSS JOIN` keeps SQLite from starting at the other end.
    const fn source(self) -> (&'static str, &'static str) {
        match self {
            Self::Tag => (
                "t.name",
                "CROSS JOIN version_tags x CROSS JOIN tags t WHERE x.version_row = c.row_id AND t.id = x.tag_id",
            ),
            Self::Alias => ("a.name", "CROSS JOIN aliases a WHERE a.version_row = c.row_id"),
            Self::GitBranch => {
                ("v.git_branch", "CROSS JOIN versions v WHERE v.row_id = c.row_id AND v.git_branch IS NOT NULL")
            }
            Self::ModelName => {
                ("m.name", "CROSS JOIN versions v CROSS JOIN models m WHERE v.row_id = c.row_id AND m.id = v.model_id")
            }
            Self::Detector => {
                ("v.detector_name", "CROSS JOIN versions v WHERE v.row_id = c.row_id AND v.detector_name IS NOT NULL")
            }
            Self::Dataset => (
                "COALESCE(v.dataset_name, s.name)",
                "JOIN versions v ON v.row_id = c.row_id \
                 LEFT JOIN dataset_versions d ON d.id = v.dataset_version_id \
                 LEFT JOIN datasets s ON s.id = d.dataset_id AND s.id IN (SELECT id FROM readable) \
                 WHERE (v.dataset_name IS NOT NULL OR s.name IS NOT NULL)",
            ),
        }
    }
}

impl Store {
    /// The names that most of the versions have, then by name.
    ///
    /// # Errors
    /// Database.
    pub async fn facet_names(
        &self,
        considered: &Considered,
        facet: NameFacet,
        first: u32,
    ) -> Result<Top<Counted<String>>, StoreError> {
        let (readable, mut binds) = match facet {
            NameFacet::Dataset => self.readable_datasets(considered),
            _ => (String::new(), Binds::default()),
        };
        let table = self.considered_table(considered, &mut binds);
        let (name, source) = facet.source();
        let text = format!(
            "WITH {readable}{table} SELECT {name} AS value, COUNT(*) AS count FROM considered c {source} \
             GROUP BY {name} ORDER BY count DESC, value LIMIT {}",
            first + 1
        );
        Ok(Top::of(self.counted(&text, binds, counted::<String>).await?, first))
    }

    /// `readable AS (…), `: the datasets that the actor may read.
    fn readable_datasets(&self, considered: &Considered) -> (String, Binds) {
        let reach = self.authorizer().reach(&considered.actor, Action::ReadDatasets);
        let select = Query::select()
            .column(datasets::Column::Id)
            .from(datasets::Entity)
            .cond_where(scope::project_ids(datasets::Column::ProjectId, reach))
            .take();
        let (text, values) = select.build(PostgresQueryBuilder);
        (format!("readable AS ({text}), "), Binds::from(values.0))
    }

    /// Those who made most of the versions, then by login.
    ///
    /// # Errors
    /// Database.
    pub async fn facet_authors(&self, considered: &Considered, first: u32) -> Result<Top<Counted<UserId>>, StoreError> {
        let mut binds = Binds::default();
        let table = self.considered_table(considered, &mut binds);
        let text = format!(
            "WITH {table} SELECT u.id AS value, COUNT(*) AS count \
             FROM considered c CROSS JOIN versions v CROSS JOIN users u \
             WHERE v.row_id = c.row_id AND u.id = v.created_by \
             GROUP BY u.id, u.login ORDER BY count DESC, u.login LIMIT {}",
            first + 1
        );
        let found = self.counted(&text, binds, |row| Ok(counted::<Uuid>(row)?.map(UserId::from)));
        Ok(Top::of(found.await?, first))
    }

    /// The projects that most of the versions are in, then by name and age.
    ///
    /// # Errors
    /// Database.
    pub async fn facet_projects(
        &self,
        considered: &Considered,
        first: u32,
    ) -> Result<Top<Counted<ProjectId>>, StoreError> {
        let mut binds = Binds::default();
        let table = self.considered_table(considered, &mut binds);
        let text = format!(
            "WITH {table} SELECT p.id AS value, COUNT(*) AS count \
             FROM considered c CROSS JOIN versions v CROSS JOIN projects p \
             WHERE v.row_id = c.row_id AND p.row_id = v.project_row \
             GROUP BY p.id, p.name, p.row_id ORDER BY count DESC, p.name, p.row_id LIMIT {}",
            first + 1
        );
        let found = self.counted(&text, binds, |row| Ok(counted::<Uuid>(row)?.map(ProjectId::from)));
        Ok(Top::of(found.await?, first))
    }

    /// How many of the versions are how far.
    ///
    /// # Errors
    /// Database.
    pub async fn facet_statuses(&self, considered: &Considered) -> Result<Vec<Counted<VersionStatus>>, StoreError> {
        let mut binds = Binds::default();
        let table = self.considered_table(considered, &mut binds);
        let text = format!(
            "WITH {table} SELECT v.status AS value, COUNT(*) AS count \
             FROM considered c CROSS JOIN versions v WHERE v.row_id = c.row_id \
             GROUP BY v.status ORDER BY count DESC, v.status"
        );
        let found = self.counted(&text, binds, counted::<i16>).await?;
        let status = |found: Counted<i16>| {
            let value = VersionStatus::from_number(found.value)
                .ok_or_else(|| StoreError::Corrupt(format!("version status {}", found.value)))?;
            Ok(Counted { value, count: found.count })
        };
        found.into_iter().map(status).collect()
    }

    async fn counted<T>(
        &self,
        text: &str,
        binds: Binds,
        read: impl Fn(&QueryResult) -> Result<T, DbErr>,
    ) -> Result<Vec<T>, StoreError> {
        let db = self.0.db.read();
        let rows = db.query_all_raw(db::sql(db, text, binds.into_values())).await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }
}

impl<T> Counted<T> {
    fn map<U>(self, f: impl FnOnce(T) -> U) -> Counted<U> {
        Counted { value: f(self.value), count: self.count }
    }
}

fn counted<T: TryGetable>(row: &QueryResult) -> Result<Counted<T>, DbErr> {
    Ok(Counted { value: row.try_get("", "value")?, count: row.try_get("", "count")? })
}
