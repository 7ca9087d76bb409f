use async_graphql::InputObject;
use nunatak_domain::{Key, Problem, Special};

use super::super::scalars::{Int64, NonFinite};

/// One measured value.
#[derive(InputObject, Debug, Clone)]
pub struct MetricInput {
    /// `roc_auc`, `loss`… 1 to 250 characters.
    pub key: String,
    /// The value, unless it is one that JSON has no word for.
    pub value: Option<f64>,
    /// NaN or an infinity, in place of `value`.
    pub special: Option<NonFinite>,
    /// When in a series of values it was measured: an epoch, a batch.
    #[graphql(default_with = "Int64(0)")]
    pub step: Int64,
}

impl MetricInput {
    /// Key, value and step.
    pub(crate) fn parse(&self) -> Result<(Key, f64, i64), Problem> {
        let key = Key::parse(&self.key).map_err(|problem| problem.at("key"))?;
        let value = match (self.value, self.special) {
            (Some(value), None) => value,
            (None, Some(special)) => Special::from(special).value(),
            _ => return Err(Problem::new("INVALID_INPUT", "give either `value` or `special`").at("value")),
        };
        Ok((key, value, self.step.0))
    }
}
