use std::fmt::Write;

use nunatak_domain::Scalar;
use sea_orm::FromQueryResult;

use super::{Considered, Top};
use crate::{
    Store, StoreError, db,
    versions::{
        sql::Binds,
        values::{BOOLEAN, HEAD_CHARS, JSON, NUMBER, STRING, scalar},
    },
};

/// The type of a hyperparameter's or parameter's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueKind {
    Number,
    String,
    Boolean,
    /// An array, an object or null.
    Json,
}

impl ValueKind {
    const fn of(number: i16) -> Self {
        match number {
            NUMBER => Self::Number,
            STRING => Self::String,
            BOOLEAN => Self::Boolean,
            _ => Self::Json,
        }
    }
}

/// A hyperparameter or parameter that some of the versions have.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyFacet {
    pub key: String,
    /// How many of the versions have it.
    pub count: i64,
    /// The types that occur, numbers first.
    pub types: Vec<TypeFacet>,
    /// The smallest and the largest finite number, if any value is one.
    pub min: Option<f64>,
    pub max: Option<f64>,
    /// The values that most of the versions have, as many as were asked for.
    pub values: Vec<ValueFacet>,
}

/// A type that some of a key's values have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeFacet {
    pub kind: ValueKind,
    /// How many of the versions have a value of this type.
    pub count: i64,
    /// How many different values; strings differ by their first 200 characters. `None` for JSON.
    pub distinct: Option<i64>,
}

/// A value that some of the versions have.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueFacet {
    /// A number, a boolean, or a string's first 200 characters.
    pub value: Scalar,
    /// A string of which this is only the beginning is among them.
    pub truncated: bool,
    pub count: i64,
}

/// A type of a key (`place` 0), or one of its values.
#[derive(FromQueryResult)]
struct Row {
    place: i64,
    name: String,
    total: i64,
    kind: i16,
    count: i64,
    different: i64,
    low: Option<f64>,
    high: Option<f64>,
    number: Option<f64>,
    text: Option<String>,
    cut: i64,
}

impl Store {
    /// The hyperparameters that most of the versions have, then by name, each with its `values` most frequent
    /// values.
    ///
    /// # Errors
    /// Database.
    pub async fn facet_hyperparameters(
        &self,
        considered: &Considered,
        first: u32,
        values: u32,
    ) -> Result<Top<KeyFacet>, StoreError> {
        self.facet_keys("hyperparameters", considered, first, values).await
    }

    /// The same of parameters.
    ///
    /// # Errors
    /// Database.
    pub async fn facet_parameters(
        &self,
        considered: &Considered,
        first: u32,
        values: u32,
    ) -> Result<Top<KeyFacet>, StoreError> {
        self.facet_keys("parameters", considered, first, values).await
    }

    async fn facet_keys(
        &self,
        table: &str,
        considered: &Considered,
        first: u32,
        values: u32,
    ) -> Result<Top<KeyFacet>, StoreError> {
        let mut binds = Binds::default();
        let considered = self.considered_table(considered, &mut binds);
        let text = statement(table, &considered, (first, values), &mut binds);
        let db = self.0.db.read();
        let rows = Row::find_by_statement(db::sql(db, &text, binds.into_values())).all(db).await?;
        Ok(Top::of(gathered(rows), first))
    }
}

/// Groups the values once, then takes from the groups all that is asked for: types, ranges, values.
fn statement(table: &str, considered: &str, (first, values): (u32, u32), binds: &mut Binds) -> String {
    let (low, high) = (binds.bind(f64::NEG_INFINITY), binds.bind(f64::INFINITY));
    let finite = format!("CASE WHEN number > {low} AND number < {high} THEN number END");
    let mut text = format!(
        "WITH {considered}, grouped AS (\
         SELECT x.key_id, x.kind, x.number, CASE WHEN x.kind = {BOOLEAN} THEN x.text ELSE x.text_head END AS text, \
         MAX(CASE WHEN LENGTH(x.text_head) = {HEAD_CHARS} AND x.text <> x.text_head THEN 1 ELSE 0 END) AS cut, \
         COUNT(*) AS count FROM considered c CROSS JOIN {table} x WHERE x.version_row = c.row_id \
         GROUP BY x.key_id, x.kind, x.number, CASE WHEN x.kind = {BOOLEAN} THEN x.text ELSE x.text_head END), \
         typed AS (SELECT key_id, kind, SUM(count) AS count, COUNT(*) AS different, \
         MIN({finite}) AS low, MAX({finite}) AS high FROM grouped GROUP BY key_id, kind), \
         chosen AS (SELECT t.key_id, k.name, SUM(t.count) AS total FROM typed t JOIN keys k ON k.id = t.key_id \
         GROUP BY t.key_id, k.name ORDER BY total DESC, k.name LIMIT {}), \
         found AS (SELECT 0 AS place, c.name, c.total, t.kind, t.count, t.different, t.low, t.high, \
         NULL AS number, NULL AS text, 0 AS cut FROM chosen c JOIN typed t ON t.key_id = c.key_id",
        first + 1
    );
    if values > 0 {
        let _ = write!(
            text,
            " UNION ALL SELECT r.place, c.name, c.total, r.kind, r.count, 0, NULL, NULL, r.number, r.text, r.cut \
             FROM chosen c JOIN (SELECT g.*, ROW_NUMBER() OVER (PARTITION BY g.key_id \
             ORDER BY g.count DESC, g.kind, g.number, g.text) AS place \
             FROM grouped g WHERE g.kind <> {JSON} AND g.key_id IN (SELECT key_id FROM chosen)) AS r \
             ON r.key_id = c.key_id WHERE r.place <= {values}"
        );
    }
    // Sums of 64-bit numbers are NUMERIC on PostgreSQL, and a NULL in one half has the type of the other half.
    text.push_str(
        ") SELECT CAST(place AS BIGINT) AS place, name, CAST(total AS BIGINT) AS total, kind, \
         CAST(count AS BIGINT) AS count, CAST(different AS BIGINT) AS different, low, high, \
         CAST(number AS DOUBLE PRECISION) AS number, CAST(text AS TEXT) AS text, CAST(cut AS BIGINT) AS cut \
         FROM found ORDER BY total DESC, name, place, kind",
    );
    text
}

/// Rows of one key stand together: its types, then its values.
fn gathered(rows: Vec<Row>) -> Vec<KeyFacet> {
    let mut facets: Vec<KeyFacet> = Vec::new();
    for row in rows {
        let known = facets.last().is_some_and(|facet| facet.key == row.name);
        if !known {
            let (key, count) = (row.name.clone(), row.total);
            facets.push(KeyFacet { key, count, types: vec![], min: None, max: None, values: vec![] });
        }
        let Some(facet) = facets.last_mut() else { continue };
        let kind = ValueKind::of(row.kind);
        if row.place == 0 {
            let distinct = (kind != ValueKind::Json).then_some(row.different);
            facet.types.push(TypeFacet { kind, count: row.count, distinct });
            facet.min = facet.min.or(row.low);
            facet.max = facet.max.or(row.high);
        } else {
            let value = scalar(row.kind, row.number, row.text);
            facet.values.push(ValueFacet { value, truncated: row.cut == 1, count: row.count });
        }
    }
    facets
}
