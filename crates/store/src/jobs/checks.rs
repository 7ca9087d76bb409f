//! What can be known to fail before a runner spends time on it.

use std::collections::BTreeSet;

use nunatak_domain::{DatasetVersionId, Problem, ProjectId};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait};
use serde::Deserialize;

use crate::{
    StoreError,
    datasets::{Column, ColumnRole},
    entities::{dataset_versions, datasets},
};

/// What a version expects of one column.
#[derive(Debug, Deserialize)]
pub(crate) struct InputColumn {
    pub(crate) name: String,
    /// `number` unless it says `category`.
    #[serde(rename = "type", default)]
    kind: String,
    /// Whether its values may be missing.
    #[serde(default)]
    pub(crate) nullable: bool,
}

impl InputColumn {
    pub(crate) fn is_category(&self) -> bool {
        self.kind == "category"
    }
}

/// How many names a message lists before it only counts.
const SHOWN: usize = 20;

/// A dataset version of this project.
pub(crate) async fn dataset(
    db: &impl ConnectionTrait,
    id: DatasetVersionId,
    project: ProjectId,
) -> Result<dataset_versions::Model, StoreError> {
    let here = datasets::Entity::find()
        .select_only()
        .column(datasets::Column::Id)
        .filter(datasets::Column::ProjectId.eq(project.0))
        .filter(datasets::Column::DeletedAt.is_null());
    dataset_versions::Entity::find_by_id(id.0)
        .filter(dataset_versions::Column::DatasetId.in_subquery(here.into_query()))
        .one(db)
        .await?
        .ok_or_else(|| {
            Problem::new("NOT_FOUND", "there is no such dataset version in this project").at("dataset").into()
        })
}

/// All columns.
pub(crate) fn columns(dataset: &dataset_versions::Model) -> Result<Vec<Column>, StoreError> {
    serde_json::from_str(&dataset.columns)
        .map_err(|error| StoreError::Corrupt(format!("columns of {}: {error}", DatasetVersionId(dataset.id))))
}

/// The columns that a detector looks at.
pub(super) fn features(dataset: &dataset_versions::Model) -> Result<Vec<Column>, StoreError> {
    Ok(columns(dataset)?.into_iter().filter(|column| column.role == ColumnRole::Feature).collect())
}

/// Training needs two rows and a feature column, without gaps unless `settings` say how to fill them.
pub(crate) fn trainable(
    dataset: &dataset_versions::Model,
    all: &[Column],
    settings: &serde_json::Value,
) -> Result<(), Problem> {
    let one_hot = settings.pointer("/preprocessing/one_hot").and_then(serde_json::Value::as_array);
    let categories: Vec<&str> = one_hot.into_iter().flatten().filter_map(serde_json::Value::as_str).collect();
    if let Some(unknown) = categories.iter().find(|name| all.iter().all(|column| column.name != **name)) {
        let message = format!("`one_hot` names the column `{unknown}`, which the dataset does not have");
        return Err(Problem::new("UNKNOWN_COLUMN", message).at("preprocessing").at("hyperparameters"));
    }
    let imputes = settings.pointer("/preprocessing/impute").is_some_and(|impute| impute != "refuse");
    let is_feature = |column: &&Column| column.role == ColumnRole::Feature && !categories.contains(&&*column.name);
    let features: Vec<Column> = all.iter().filter(is_feature).cloned().collect();
    if dataset.row_count < 2 {
        let message = format!("the dataset has {} rows; training needs at least 2", dataset.row_count);
        return Err(Problem::new("TOO_FEW_ROWS", message).at("dataset"));
    }
    if features.is_empty() && categories.is_empty() {
        let message = "the dataset has no feature column: nothing but label, time and ignored columns";
        return Err(Problem::new("NO_FEATURES", message).at("dataset"));
    }
    if imputes { Ok(()) } else { complete(dataset, &features) }
}

/// Scoring needs one row.
pub(super) fn scorable(dataset: &dataset_versions::Model) -> Result<(), Problem> {
    match dataset.row_count {
        ..1 => Err(Problem::new("TOO_FEW_ROWS", "the dataset has no rows to score").at("dataset")),
        _ => Ok(()),
    }
}

/// Gaps are refused unless the training said how to fill them: that is a decision about the data.
fn complete(dataset: &dataset_versions::Model, features: &[Column]) -> Result<(), Problem> {
    let Some(gap) = features.iter().find(|column| column.missing > 0) else { return Ok(()) };
    let message = format!(
        "column `{}` has {} missing of {} values; train with `preprocessing: {{impute: …}}`, remove these rows, or \
         leave the column out",
        gap.name, gap.missing, dataset.row_count
    );
    Err(Problem::new("MISSING_VALUES", message).at("dataset"))
}

/// Scores can be judged only against labels of both kinds.
pub(super) fn labelled(dataset: &dataset_versions::Model) -> Result<(), Problem> {
    let (Some(label), Some(anomalies)) = (&dataset.label_column, dataset.anomaly_count) else {
        let message = "the dataset has no label column; evaluation compares scores with labels";
        return Err(Problem::new("NO_LABELS", message).at("dataset"));
    };
    let one_class = if anomalies == 0 {
        "normal (0)"
    } else if anomalies >= dataset.row_count {
        "anomalous (1)"
    } else {
        return Ok(());
    };
    let message = format!("all rows are labelled {one_class} in column `{label}`; evaluation needs both kinds");
    Err(Problem::new("ONE_CLASS", message).at("dataset"))
}

/// The version's columns must be there by name, no other features, and gaps only where the version fills them.
pub(super) fn matches_schema(
    input_schema: &str,
    dataset: &dataset_versions::Model,
    all: &[Column],
) -> Result<(), StoreError> {
    let expected: Vec<InputColumn> = serde_json::from_str(input_schema)
        .map_err(|error| StoreError::Corrupt(format!("a version's input schema: {error}")))?;
    let categories: BTreeSet<&str> =
        expected.iter().filter(|column| column.is_category()).map(|column| column.name.as_str()).collect();
    let nullable: BTreeSet<&str> =
        expected.iter().filter(|column| column.nullable).map(|column| column.name.as_str()).collect();
    let expected: BTreeSet<&str> = expected.iter().map(|column| column.name.as_str()).collect();
    // A column of words counts where the version asks for it, and is passed over elsewhere.
    let got = all.iter().filter(|column| {
        column.role == ColumnRole::Feature
            || (column.role == ColumnRole::Ignored && categories.contains(column.name.as_str()))
    });
    let got: BTreeSet<&str> = got.map(|column| column.name.as_str()).collect();
    let mut faults = Vec::new();
    for (names, what) in [(&expected - &got, "missing"), (&got - &expected, "not expected")] {
        if !names.is_empty() {
            faults.push(format!("{what}: {}", listed(&names)));
        }
    }
    if faults.is_empty() {
        let strict = all.iter().filter(|column| got.contains(&*column.name) && !nullable.contains(&*column.name));
        let strict: Vec<Column> = strict.cloned().collect();
        complete(dataset, &strict)?;
    }
    if faults.is_empty() {
        return Ok(());
    }
    let message = format!(
        "the version was trained on {} feature columns, the dataset has {}; {}",
        expected.len(),
        got.len(),
        faults.join("; ")
    );
    Err(Problem::new("INPUT_SCHEMA", message).at("dataset").into())
}

pub(crate) fn listed(names: &BTreeSet<&str>) -> String {
    let shown = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// What a runner says that its version expects, checked so that later predictions can rely on it.
pub(super) fn is_input_schema(schema: &serde_json::Value) -> Result<(), Problem> {
    match Vec::<InputColumn>::deserialize(schema) {
        Ok(columns) if !columns.is_empty() => Ok(()),
        _ => {
            let message = "an input schema is a list of columns, each with `name` and `type`";
            Err(Problem::new("INVALID_INPUT", message).at("inputSchema"))
        }
    }
}

pub(super) async fn row_count(db: &impl ConnectionTrait, id: DatasetVersionId) -> Result<i64, StoreError> {
    let row = dataset_versions::Entity::find_by_id(id.0).one(db).await?;
    row.map(|row| row.row_count).ok_or(StoreError::NotFound("dataset version"))
}
