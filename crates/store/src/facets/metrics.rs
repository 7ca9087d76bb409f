use nunatak_domain::Direction;
use sea_orm::FromQueryResult;

use super::{Considered, Top};
use crate::{Store, StoreError, db, metrics::direction, versions::sql::Binds};

/// A metric that some of the versions have.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricFacet {
    pub key: String,
    /// How many of the versions have it.
    pub count: i64,
    /// The smallest and the largest last value that is a finite number, if any is.
    pub min: Option<f64>,
    pub max: Option<f64>,
    /// How many finite last values there are, each counted once.
    pub distinct: i64,
    /// How many versions ended with NaN, and with an infinity.
    pub nan: i64,
    pub infinite: i64,
    /// As the versions' projects declare; `None` where none does, or not all the same.
    pub direction: Option<Direction>,
}

#[derive(FromQueryResult)]
struct Row {
    name: String,
    count: i64,
    low: Option<f64>,
    high: Option<f64>,
    different: i64,
    nan: i64,
    infinite: i64,
    first_direction: Option<i16>,
    last_direction: Option<i16>,
}

impl Store {
    /// The metrics that most of the versions have, then by name.
    ///
    /// # Errors
    /// Database.
    pub async fn facet_metrics(&self, considered: &Considered, first: u32) -> Result<Top<MetricFacet>, StoreError> {
        let mut binds = Binds::default();
        let table = self.considered_table(considered, &mut binds);
        let (low, high) = (binds.bind(f64::NEG_INFINITY), binds.bind(f64::INFINITY));
        let finite = format!("CASE WHEN x.last > {low} AND x.last < {high} THEN x.last END");
        let text = format!(
            "WITH {table}, found AS (\
             SELECT x.key_id, COUNT(*) AS count, MIN({finite}) AS low, MAX({finite}) AS high, \
             COUNT(DISTINCT {finite}) AS different, \
             COUNT(CASE WHEN x.last IS NULL THEN 1 END) AS nan, \
             COUNT(CASE WHEN x.last = {low} OR x.last = {high} THEN 1 END) AS infinite \
             FROM considered c CROSS JOIN metrics x WHERE x.version_row = c.row_id GROUP BY x.key_id), \
             declared AS (SELECT key_id, MIN(direction) AS first, MAX(direction) AS last FROM metric_directions \
             WHERE project_row IN (SELECT v.project_row FROM considered c CROSS JOIN versions v \
             WHERE v.row_id = c.row_id) GROUP BY key_id) \
             SELECT k.name, f.count, f.low, f.high, f.different, f.nan, f.infinite, \
             d.first AS first_direction, d.last AS last_direction \
             FROM found f JOIN keys k ON k.id = f.key_id LEFT JOIN declared d ON d.key_id = f.key_id \
             ORDER BY f.count DESC, k.name LIMIT {}",
            first + 1
        );
        let db = self.0.db.read();
        let rows = Row::find_by_statement(db::sql(db, &text, binds.into_values())).all(db).await?;
        let facets = rows.into_iter().map(MetricFacet::of).collect::<Result<_, _>>()?;
        Ok(Top::of(facets, first))
    }
}

impl MetricFacet {
    fn of(row: Row) -> Result<Self, StoreError> {
        let agreed = row.first_direction.filter(|_| row.first_direction == row.last_direction);
        Ok(Self {
            key: row.name,
            count: row.count,
            min: row.low,
            max: row.high,
            distinct: row.different,
            nan: row.nan,
            infinite: row.infinite,
            direction: agreed.map(direction).transpose()?,
        })
    }
}
