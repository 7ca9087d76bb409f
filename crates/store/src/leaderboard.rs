//! Which detector, or which model, is the best on a data set: over all versions that were trained on it, whatever they
//! were trained by.

use nunatak_authz::Actor;
use nunatak_domain::{DatasetVersionId, Direction, Key, KeyKind, ModelId, PageRequest, ProjectId};
use sea_orm::ConnectionTrait;

use crate::{Store, StoreError, db, versions::sql::visible};

/// Of what the best is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupBy {
    /// The detector's name: its versions are one.
    Detector,
    Model,
    /// Each version by itself.
    Version,
}

/// What to compare.
#[derive(Debug, Clone)]
pub struct LeaderboardQuery {
    pub project: ProjectId,
    pub dataset: DatasetVersionId,
    /// Of this model only.
    pub model: Option<ModelId>,
    pub metric: Key,
    /// The one that the project declares, else MAXIMIZE, where none is given.
    pub direction: Option<Direction>,
    pub group_by: GroupBy,
    /// At most so many, 1 to 100.
    pub first: u32,
}

/// The best of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct LeaderboardRecord {
    pub rank: i64,
    pub version_row: i64,
    pub score: f64,
    /// How many versions of the group have the metric.
    pub versions: i64,
}

impl Store {
    /// The best first. What the actor may not see does not count.
    ///
    /// # Errors
    /// Database.
    pub async fn leaderboard(
        &self,
        actor: &Actor,
        query: &LeaderboardQuery,
    ) -> Result<Vec<LeaderboardRecord>, StoreError> {
        let Some(key) = self.known_keys(&[(KeyKind::Metric, query.metric.as_str())]).await?[0] else {
            return Ok(Vec::new());
        };
        let (visible, mut binds) = visible(self, actor);
        let group = match query.group_by {
            GroupBy::Detector => "versions.detector_name",
            GroupBy::Model => "versions.model_id",
            GroupBy::Version => "versions.row_id",
        };
        let (key, project) = (binds.bind(key), binds.bind(query.project.0));
        let dataset = binds.bind(query.dataset.0);
        let of_model = query.model.map(|model| format!(" AND versions.model_id = {}", binds.bind(model.0)));
        let of_model = of_model.unwrap_or_default();
        let asked = query.direction.map(|direction| i32::from(direction.number()));
        let asked = binds.bind(sea_orm::Value::Int(asked));
        let text = format!(
            "WITH way AS (SELECT COALESCE({asked}, (SELECT d.direction FROM metric_directions d \
             JOIN projects p ON p.row_id = d.project_row WHERE p.id = {project} AND d.key_id = {key}), 0) AS direction), \
             scored AS (SELECT versions.row_id, m.last AS score, {group} AS grouped, \
             CASE WHEN way.direction = 1 THEN m.last ELSE -m.last END AS cost \
             FROM way CROSS JOIN versions JOIN metrics m ON m.version_row = versions.row_id AND m.key_id = {key} \
             WHERE {visible} AND versions.dataset_version_id = {dataset} AND m.last IS NOT NULL \
             AND versions.project_row = (SELECT row_id FROM projects WHERE id = {project}){of_model}), \
             placed AS (SELECT row_id, score, cost, ROW_NUMBER() OVER (PARTITION BY grouped ORDER BY cost, row_id) AS place, \
             COUNT(*) OVER (PARTITION BY grouped) AS versions FROM scored WHERE grouped IS NOT NULL) \
             SELECT row_id, score, versions FROM placed WHERE place = 1 ORDER BY cost, row_id LIMIT {}",
            query.first.clamp(1, PageRequest::MAX.unsigned_abs())
        );
        let db = self.0.db.read();
        let rows = db.query_all_raw(db::sql(db, &text, binds.into_values())).await?;
        let record = |(rank, row): (i64, &sea_orm::QueryResult)| {
            let (version_row, score) = (row.try_get("", "row_id")?, row.try_get("", "score")?);
            Ok(LeaderboardRecord { rank, version_row, score, versions: row.try_get("", "versions")? })
        };
        (1..).zip(&rows).map(record).collect()
    }
}
