use async_graphql::{Enum, InputObject, OneofObject};
use nunatak_domain::filter::{self, VersionOrder};

use super::filter::MetricAggregate;

/// One part of an order: exactly one of these. Missing values and NaN come last whichever the direction.
#[derive(OneofObject, Debug, Clone)]
#[graphql(name = "VersionOrder")]
pub(crate) enum VersionOrderInput {
    /// By something that every version has.
    Field(FieldOrder),
    /// By a hyperparameter: numbers, then strings (their first 200 characters), then other types.
    Hyperparameter(KeyOrder),
    /// By a parameter, ordered likewise.
    Parameter(KeyOrder),
    /// By a metric.
    Metric(MetricOrder),
}

/// An order by something that every version has.
#[derive(InputObject, Debug, Clone)]
pub(crate) struct FieldOrder {
    /// Which.
    field: VersionOrderField,
    /// Which way.
    #[graphql(default)]
    direction: SortDirection,
}

/// An order by a hyperparameter or parameter.
#[derive(InputObject, Debug, Clone)]
pub(crate) struct KeyOrder {
    /// Its name.
    key: String,
    /// Which way.
    #[graphql(default)]
    direction: SortDirection,
}

/// An order by a metric.
#[derive(InputObject, Debug, Clone)]
pub(crate) struct MetricOrder {
    /// Its name.
    key: String,
    /// Which of its values counts.
    #[graphql(default)]
    aggregate: MetricAggregate,
    /// Which way.
    #[graphql(default)]
    direction: SortDirection,
}

/// Something that every version has.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "filter::OrderField")]
pub enum VersionOrderField {
    /// When it was registered.
    CreatedAt,
    /// The number within its model.
    Number,
    /// The model's name, by code points.
    Name,
    /// The detector's name, by code points.
    Detector,
}

/// Which way to order.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[graphql(remote = "filter::Sort")]
pub enum SortDirection {
    /// Small to large.
    #[default]
    Asc,
    /// Large to small.
    Desc,
}

impl From<VersionOrderInput> for VersionOrder {
    fn from(input: VersionOrderInput) -> Self {
        match input {
            VersionOrderInput::Field(order) => Self::Field(order.field.into(), order.direction.into()),
            VersionOrderInput::Hyperparameter(order) => Self::Hyperparameter(order.key, order.direction.into()),
            VersionOrderInput::Parameter(order) => Self::Parameter(order.key, order.direction.into()),
            VersionOrderInput::Metric(order) => Self::Metric(order.key, order.aggregate.into(), order.direction.into()),
        }
    }
}
