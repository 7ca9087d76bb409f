use async_graphql::{Enum, SimpleObject};
use nunatak_store::datasets;

use super::super::scalars::Int64;

/// What the cells of a column are.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "nunatak_store::datasets::ColumnType")]
pub enum ColumnType {
    /// Finite numbers.
    Number,
    /// Anything else.
    Text,
    /// Points in time.
    Time,
}

/// What a detector does with a column.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "nunatak_store::datasets::ColumnRole")]
pub enum ColumnRole {
    /// Learns from it.
    Feature,
    /// Measures itself by it: 1 for an anomaly, 0 for none. Never learnt from.
    Label,
    /// Orders the rows by it.
    Time,
    /// Leaves it out.
    Ignored,
}

/// A column of a dataset version and its summary over all rows.
#[derive(SimpleObject, Debug, Clone)]
pub struct Column {
    /// As in the file's header.
    name: String,
    /// What its cells are.
    #[graphql(name = "type")]
    kind: ColumnType,
    /// What a detector does with it.
    role: ColumnRole,
    /// Cells that are empty, `NaN`, `NA`, `N/A`, `null` or `None`.
    missing: Int64,
    /// The smallest value; of times in milliseconds since 1970.
    min: Option<f64>,
    /// The largest value; of times in milliseconds since 1970.
    max: Option<f64>,
    /// The mean of the values; null for times.
    mean: Option<f64>,
    /// The standard deviation of the values (of the population: divided by their count); null for times.
    std: Option<f64>,
    /// How many different values there are, exact up to 1000; null above.
    distinct: Option<Int64>,
}

impl From<datasets::Column> for Column {
    fn from(column: datasets::Column) -> Self {
        Self {
            name: column.name,
            kind: column.kind.into(),
            role: column.role.into(),
            missing: Int64(column.missing),
            min: column.min,
            max: column.max,
            mean: column.mean,
            std: column.std,
            distinct: column.distinct.map(Int64),
        }
    }
}
