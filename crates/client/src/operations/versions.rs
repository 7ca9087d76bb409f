//! Versions: find and order them by what they were made with and how good they are.

use graphql_client::GraphQLQuery;

pub use self::versions::{
    FieldOrder, IdFilter, KeyOrder, KeyPredicate, ListedVersion, MetricOrder, MetricPredicate, NumberFilter,
    StringFilter, ValueFilter, VersionFilter, VersionOrder,
};
pub use super::enums::{MetricAggregate, NonFinite, SortDirection, VersionOrderField, VersionStatus, Visibility};
use crate::{Client, ClientError};

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "../../schema.graphql",
    query_path = "operations/versions.graphql",
    custom_scalars_module = "crate::scalars",
    extern_enums("MetricAggregate", "NonFinite", "SortDirection", "VersionOrderField", "VersionStatus", "Visibility"),
    variables_derives = "Debug, Clone",
    response_derives = "Debug, Clone",
    skip_serializing_none
)]
pub struct Versions;

impl Client {
    /// The first `first` (1 to 100) versions that pass `filter`, ordered by `order_by` and then newest first.
    pub async fn versions(
        &self,
        filter: VersionFilter,
        order_by: Vec<VersionOrder>,
        first: i64,
    ) -> Result<Vec<ListedVersion>, ClientError> {
        let variables = versions::Variables { filter, order_by, first, after: None };
        Ok(self.query::<Versions>(variables).await?.versions.nodes)
    }
}

impl ListedVersion {
    /// The last value of a metric, if it has one that is a finite number.
    pub fn metric(&self, key: &str) -> Option<f64> {
        self.metrics.iter().find(|metric| metric.key == key)?.last
    }

    pub fn hyperparameter(&self, key: &str) -> Option<&serde_json::Value> {
        self.hyperparameters
            .iter()
            .find(|hyperparameter| hyperparameter.key == key)
            .and_then(|found| found.value.as_ref())
    }
}

/// Lets every version pass.
impl Default for VersionFilter {
    fn default() -> Self {
        Self {
            and: Box::default(),
            or: Box::default(),
            not: Box::default(),
            id: None,
            workspace: None,
            project: None,
            model: None,
            created_by: None,
            job: None,
            name: None,
            detector: None,
            number: None,
            created_at: None,
            alias: None,
            tag: None,
            dataset: None,
            git: None,
            visibility: None,
            status: None,
            hyperparameter: None,
            parameter: None,
            metric: None,
        }
    }
}

/// Passes every number.
impl Default for NumberFilter {
    fn default() -> Self {
        Self { eq: None, ne: None, lt: None, lte: None, gt: None, gte: None, in_: None, finite: None, exists: None }
    }
}

/// Passes every text.
impl Default for StringFilter {
    fn default() -> Self {
        Self { eq: None, ne: None, in_: None, contains: None, starts_with: None, exists: None }
    }
}

impl IdFilter {
    /// Exactly the thing with this id.
    pub fn eq(id: &str) -> Self {
        Self { eq: Some(id.into()), in_: None }
    }
}
