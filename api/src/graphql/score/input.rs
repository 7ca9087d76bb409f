use async_graphql::{ID, InputObject};
use chrono::{DateTime, Utc};
use nunatak_domain::{AliasName, Name, Problem};
use nunatak_store::{
    StoreError,
    scoring::{ScoreRows, Target},
};

use super::super::context::parse_id;

/// Rows, and which version is to score them: `version`, or `model` and `alias`, or `project`, `modelName` and `alias`.
#[derive(InputObject, Debug)]
pub struct ScoreInput {
    /// `ver_…`
    version: Option<ID>,
    /// `mdl_…`, with `alias`.
    model: Option<ID>,
    /// `prj_…`, with `modelName` and `alias`.
    project: Option<ID>,
    /// The model's name in `project`.
    model_name: Option<String>,
    /// The version that this alias of the model points at right now.
    alias: Option<String>,
    /// Names of the columns of numbers, in the order of the values of each row; the version's, in any order.
    #[graphql(default)]
    columns: Vec<String>,
    /// For each row its numbers; null is a missing value. Up to 10,000 rows and 200,000 values. For a detector of series
    /// they are a stretch of it in time order, and each is scored in the light of the others.
    #[graphql(default)]
    rows: Vec<Vec<Option<f64>>>,
    /// Names of the columns of words, for versions that take some.
    #[graphql(default)]
    category_columns: Vec<String>,
    /// For each row its words; null is a missing value.
    #[graphql(default)]
    categories: Vec<Vec<Option<String>>>,
    /// For each row its time, for versions that look at it: series in equal steps, features made of the time.
    times: Option<Vec<DateTime<Utc>>>,
    /// For each anomaly, the columns that contributed most to its score: how many, 0 to 3.
    #[graphql(default = 0)]
    reasons: i32,
}

/// As many as are kept with a prediction.
const MAX_REASONS: i32 = 3;

impl ScoreInput {
    pub(super) fn target(&self) -> Result<Target, StoreError> {
        let alias = || {
            let alias = self.alias.as_deref().ok_or_else(|| {
                Problem::new("INVALID_INPUT", "which version of the model? give an `alias`").at("alias")
            })?;
            AliasName::parse(alias).map_err(|problem| problem.at("alias"))
        };
        match (&self.version, &self.model, &self.project, &self.model_name) {
            (Some(version), None, None, None) if self.alias.is_none() => {
                Ok(Target::Version(parse_id(version, "version")?))
            }
            (None, Some(model), None, None) => Ok(Target::Alias(parse_id(model, "model")?, alias()?)),
            (None, None, Some(project), Some(name)) => {
                let name = Name::parse(name).map_err(|problem| problem.at("modelName"))?;
                Ok(Target::Named(parse_id(project, "project")?, name, alias()?))
            }
            _ => {
                let message = "give `version`, or `model` and `alias`, or `project`, `modelName` and `alias`";
                Err(Problem::new("INVALID_INPUT", message).into())
            }
        }
    }

    pub(super) fn reasons(&self) -> Result<usize, Problem> {
        let wanted = usize::try_from(self.reasons).ok().filter(|_| self.reasons <= MAX_REASONS);
        wanted.ok_or_else(|| Problem::new("OUT_OF_RANGE", "0 to 3 reasons are told").at("reasons"))
    }

    pub(super) fn into_rows(self) -> ScoreRows {
        ScoreRows {
            columns: self.columns,
            rows: self.rows,
            category_columns: self.category_columns,
            categories: self.categories,
            times: self.times.map(|times| times.iter().map(DateTime::timestamp_millis).collect()),
        }
    }
}
