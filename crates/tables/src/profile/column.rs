use serde::{Deserialize, Serialize};

/// What the cells of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ColumnType {
    Number,
    Text,
    Time,
}

/// What a detector does with a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ColumnRole {
    Feature,
    Label,
    Time,
    Ignored,
}

/// A column and its summary over all rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    pub name: String,
    pub kind: ColumnType,
    pub role: ColumnRole,
    /// Cells that are empty, `NaN`, `NA`, `N/A`, `null` or `None`.
    pub missing: i64,
    /// Of the values that are not missing; times in milliseconds since 1970.
    pub min: Option<f64>,
    pub max: Option<f64>,
    /// Numbers only.
    pub mean: Option<f64>,
    /// Of the population: divided by the count.
    pub std: Option<f64>,
    /// How many different values there are, exact up to 1000; `None` above.
    pub distinct: Option<i64>,
}
