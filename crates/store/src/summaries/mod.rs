//! What occurs in a project: its keys, tags, models, branches and contributors, of all versions that the actor
//! may see.
//!
//! A list costs what it has entries, not what the project has versions: each statement jumps along an index from one
//! value to the next. Private versions of others are not on the way: key rows are kept apart by `audience`
//! (`versions::audience`), versions by partial indexes.
//!
//! To add a list of names: a variant of [`SummaryList`], and its `WITH` parts, the last of which is `seen`.

mod keys;
mod versions;

use std::collections::HashMap;

use nunatak_domain::{ProjectId, UserId};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, QueryResult, TryGetable,
    entity::prelude::Uuid,
    sea_query::{CaseStatement, PostgresQueryBuilder, Query},
};

use crate::{
    Action, Actor, Store, StoreError, db,
    entities::projects,
    facets::Top,
    scope,
    versions::{COUNT_CAP, Count, sql::Binds},
};

/// What to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SummaryList {
    HyperparameterKeys,
    ParameterKeys,
    MetricKeys,
    Tags,
    ModelNames,
    GitBranches,
}

/// Values that a statement jumps along for one project and author. A project with more has no pickers to draw.
const MAX_STEPS: u32 = 10_000;

impl Store {
    /// The first names of a list in each of some projects, by name.
    ///
    /// # Errors
    /// Database.
    pub async fn summary_names(
        &self,
        actor: &Actor,
        projects: &[ProjectId],
        list: SummaryList,
        first: u32,
    ) -> Result<HashMap<ProjectId, Top<String>>, StoreError> {
        let mut scope = Scope::of(self, actor, projects);
        let seen = match list {
            SummaryList::HyperparameterKeys => keys::seen("hyperparameters", &mut scope),
            SummaryList::ParameterKeys => keys::seen("parameters", &mut scope),
            SummaryList::MetricKeys => keys::seen("metrics", &mut scope),
            SummaryList::Tags => keys::tags_seen(&mut scope),
            SummaryList::ModelNames => versions::models_seen(&scope),
            SummaryList::GitBranches => versions::branches_seen(&scope),
        };
        self.first_seen(scope, &seen, "value", first).await
    }

    /// The first of those who made versions in each of some projects, by login.
    ///
    /// # Errors
    /// Database.
    pub async fn summary_contributors(
        &self,
        actor: &Actor,
        projects: &[ProjectId],
        first: u32,
    ) -> Result<HashMap<ProjectId, Top<UserId>>, StoreError> {
        let scope = Scope::of(self, actor, projects);
        let seen = versions::contributors_seen(&scope);
        let found = self.first_seen::<Uuid>(scope, &seen, "login", first).await?;
        let users = |top: Top<Uuid>| Top { items: top.items.into_iter().map(UserId).collect(), has_more: top.has_more };
        Ok(found.into_iter().map(|(project, top)| (project, users(top))).collect())
    }

    /// How many versions each of some projects has, up to [`COUNT_CAP`].
    ///
    /// # Errors
    /// Database.
    pub async fn summary_counts(
        &self,
        actor: &Actor,
        projects: &[ProjectId],
    ) -> Result<HashMap<ProjectId, Count>, StoreError> {
        let scope = Scope::of(self, actor, projects);
        let counted = versions::counted(&scope);
        let text = format!("WITH RECURSIVE {}{counted}", scope.table);
        let db = self.0.db.read();
        let mut found: HashMap<ProjectId, i64> = HashMap::new();
        for row in db.query_all_raw(db::sql(db, &text, scope.binds.into_values())).await? {
            *found.entry(project(&row)?).or_default() += row.try_get::<i64>("", "count")?;
        }
        let capped = |count: i64| Count { value: count.min(COUNT_CAP), capped: count > COUNT_CAP };
        Ok(found.into_iter().map(|(project, count)| (project, capped(count))).collect())
    }

    /// Runs `seen`, whose rows are a project and a value, and takes the first of each project in the order of `by`.
    async fn first_seen<T: TryGetable>(
        &self,
        scope: Scope,
        seen: &str,
        by: &str,
        first: u32,
    ) -> Result<HashMap<ProjectId, Top<T>>, StoreError> {
        let text = format!(
            "WITH RECURSIVE {}{seen}, placed AS (SELECT project_row, value, \
             ROW_NUMBER() OVER (PARTITION BY project_row ORDER BY {by}) AS place FROM seen) \
             SELECT p.id AS project, placed.value FROM placed JOIN projects p ON p.row_id = placed.project_row \
             WHERE placed.place <= {} ORDER BY placed.project_row, placed.place",
            scope.table,
            first + 1
        );
        let db = self.0.db.read();
        let mut found: HashMap<ProjectId, Vec<T>> = HashMap::new();
        for row in db.query_all_raw(db::sql(db, &text, scope.binds.into_values())).await? {
            found.entry(project(&row)?).or_default().push(row.try_get("", "value")?);
        }
        Ok(found.into_iter().map(|(project, items)| (project, Top::of(items, first))).collect())
    }
}

fn project(row: &QueryResult) -> Result<ProjectId, StoreError> {
    Ok(row.try_get::<Uuid>("", "project")?.into())
}

/// The projects asked for, as far as the actor may read versions there, and the values of the statement.
struct Scope {
    /// `mine(project_row, sees_all) AS (…), `: `sees_all` is 1 where the actor reads the private versions of
    /// others, too.
    table: String,
    binds: Binds,
    /// The placeholder of the actor's id.
    me: String,
    actor: UserId,
}

impl Scope {
    /// The same rule as [`scope::versions_visible`], taken apart: projects first.
    fn of(store: &Store, actor: &Actor, projects: &[ProjectId]) -> Self {
        let reach = |action| store.authorizer().reach(actor, action);
        let all = scope::project_rows(projects::Column::RowId, reach(Action::ReadPrivateVersions));
        let select = Query::select()
            .column(projects::Column::RowId)
            .expr(CaseStatement::new().case(all, 1_i32).finally(0_i32))
            .from(projects::Entity)
            .cond_where(
                Condition::all()
                    .add(scope::project_rows(projects::Column::RowId, reach(Action::ReadVersions)))
                    .add(projects::Column::Id.is_in(projects.iter().map(|id| id.0))),
            )
            .take();
        let (text, values) = select.build(PostgresQueryBuilder);
        let mut binds = Binds::from(values.0);
        let user = actor.user_id().unwrap_or(UserId(Uuid::nil()));
        let me = binds.bind(user.0);
        Self { table: format!("mine(project_row, sees_all) AS ({text}), "), binds, me, actor: user }
    }
}

/// `{name}({carried}, value, step) AS (…)`: each value of `column` in `table` once for each row of `from`, found by
/// jumping along an index.
struct Walk<'a> {
    name: &'a str,
    from: &'a str,
    /// Columns of `from` that go along.
    carried: &'a [&'a str],
    table: &'a str,
    column: &'a str,
    /// Which rows of `table x` belong to the row `o` of `from` (or of the walk itself).
    belongs: &'a str,
    /// With which of them it begins. Not part of `belongs`: of two lower bounds SQLite may take this one each time,
    /// and read from there instead of jumping.
    begins: &'a str,
}

impl Walk<'_> {
    fn text(&self) -> String {
        let Self { name, from, carried, table, column, belongs, begins } = self;
        let list = |prefix: &str| carried.iter().map(|part| format!("{prefix}{part}, ")).collect::<String>();
        let (plain, outer) = (list(""), list("o."));
        let next = |bound: &str| {
            format!(
                "(SELECT x.{column} FROM {table} x WHERE {belongs} AND x.{column} {bound} \
                 ORDER BY x.{column} LIMIT 1)"
            )
        };
        let (first, further) = (next(begins), next("> o.value"));
        format!(
            "{name}({plain}value, step) AS (SELECT {outer}{first}, 1 FROM {from} o \
             UNION ALL SELECT {outer}{further}, o.step + 1 FROM {name} o \
             WHERE o.value IS NOT NULL AND o.step < {MAX_STEPS})"
        )
    }
}
