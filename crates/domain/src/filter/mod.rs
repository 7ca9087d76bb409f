//! What to look for among versions: the checked form of GraphQL's `VersionFilter` and `VersionOrder`.
//!
//! A predicate on a missing key is false, so [`VersionFilter::Not`] includes the versions that lack the key.

mod passes;
mod shape;

pub use shape::search_shape;

use crate::{
    DatasetId, DatasetVersionId, JobId, ModelId, Problem, ProjectId, Timestamp, UserId, VersionId, VersionStatus,
    Visibility, WorkspaceId,
};

/// A condition on one version.
#[derive(Debug, Clone, PartialEq)]
pub enum VersionFilter {
    /// All hold; an empty list is true.
    And(Vec<Self>),
    /// One holds; an empty list is false.
    Or(Vec<Self>),
    Not(Box<Self>),
    Id(Vec<VersionId>),
    Workspace(Vec<WorkspaceId>),
    Project(Vec<ProjectId>),
    Model(Vec<ModelId>),
    CreatedBy(Vec<UserId>),
    Job(Vec<JobId>),
    /// The model's name.
    Name(StringTest),
    Detector(StringTest),
    Number(IntTest),
    CreatedAt(TimeTest),
    Visibility(Visibility),
    Status(VersionStatus),
    /// The name of an alias that points at the version.
    Alias(StringTest),
    /// The name of a tag on the version.
    Tag(StringTest),
    Dataset(Vec<DatasetId>),
    DatasetVersion(Vec<DatasetVersionId>),
    DatasetName(StringTest),
    GitBranch(StringTest),
    GitCommit(StringTest),
    GitDirty(bool),
    Hyperparameter(String, ValueTest),
    Parameter(String, ValueTest),
    Metric(String, Aggregate, NumberTest),
}

/// A test of a text; all given parts hold. `contains` and `starts_with` ignore case (as peers' LIKE does).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StringTest {
    pub eq: Option<String>,
    pub ne: Option<String>,
    pub any_of: Option<Vec<String>>,
    pub contains: Option<String>,
    pub starts_with: Option<String>,
    pub exists: Option<bool>,
}

/// A test of a float; all given parts hold. NaN passes only `finite: false` and `exists: true`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NumberTest {
    pub eq: Option<f64>,
    pub ne: Option<f64>,
    pub lt: Option<f64>,
    pub lte: Option<f64>,
    pub gt: Option<f64>,
    pub gte: Option<f64>,
    pub any_of: Option<Vec<f64>>,
    pub finite: Option<bool>,
    pub exists: Option<bool>,
}

/// A test of a whole number; all given parts hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IntTest {
    pub eq: Option<i64>,
    pub ne: Option<i64>,
    pub lt: Option<i64>,
    pub lte: Option<i64>,
    pub gt: Option<i64>,
    pub gte: Option<i64>,
    pub any_of: Option<Vec<i64>>,
}

/// A test of an instant; all given parts hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TimeTest {
    pub eq: Option<Timestamp>,
    pub lt: Option<Timestamp>,
    pub lte: Option<Timestamp>,
    pub gt: Option<Timestamp>,
    pub gte: Option<Timestamp>,
}

/// A test of a typed value: a value of another type does not pass.
#[derive(Debug, Clone, PartialEq)]
pub enum ValueTest {
    Number(NumberTest),
    String(StringTest),
    Boolean(bool),
    Exists(bool),
}

/// Which of a metric's values counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aggregate {
    Last,
    Min,
    Max,
    /// Largest or smallest, as the project declares for the metric; largest where it declares nothing.
    Best,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sort {
    Asc,
    Desc,
}

/// A column that every version has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderField {
    CreatedAt,
    Number,
    Name,
    Detector,
}

/// One part of an order. NaN and missing come last whichever the direction.
#[derive(Debug, Clone, PartialEq)]
pub enum VersionOrder {
    Field(OrderField, Sort),
    Hyperparameter(String, Sort),
    Parameter(String, Sort),
    Metric(String, Aggregate, Sort),
}

/// What one filter may cost at most.
pub const MAX_DEPTH: usize = 5;
pub const MAX_LEAVES: usize = 24;
pub const MAX_IN: usize = 200;
pub const MAX_ORDERS: usize = 4;

impl VersionFilter {
    /// The conditions that must all hold: nested `And`s taken apart.
    #[must_use]
    pub fn conjuncts(&self) -> Vec<&Self> {
        match self {
            Self::And(parts) => parts.iter().flat_map(Self::conjuncts).collect(),
            other => vec![other],
        }
    }

    /// # Errors
    /// `LIMIT_EXCEEDED`, naming the limit, for a filter that is too deep, too wide or with too long a list.
    pub fn check_limits(&self) -> Result<(), Problem> {
        let (depth, leaves, longest) = self.measure();
        let exceeded = |what: &str, got: usize, max: usize| {
            let message = format!("the filter has {what} {got}; at most {max} are allowed");
            Err(Problem::new("LIMIT_EXCEEDED", message).at("filter"))
        };
        match () {
            () if depth > MAX_DEPTH => exceeded("depth", depth, MAX_DEPTH),
            () if leaves > MAX_LEAVES => exceeded("a number of conditions of", leaves, MAX_LEAVES),
            () if longest > MAX_IN => exceeded("a list of length", longest, MAX_IN),
            () => Ok(()),
        }
    }

    /// Depth of `and/or/not`, number of leaves, longest list.
    fn measure(&self) -> (usize, usize, usize) {
        let texts = |test: &StringTest| test.any_of.as_ref().map_or(0, Vec::len);
        let numbers = |test: &NumberTest| test.any_of.as_ref().map_or(0, Vec::len);
        match self {
            Self::And(parts) | Self::Or(parts) => {
                let inner = parts.iter().map(Self::measure);
                let (depth, leaves, longest) = inner
                    .fold((0, 0, 0), |(d, l, n), (depth, leaves, longest)| (d.max(depth), l + leaves, n.max(longest)));
                // An empty group is a condition, too: it is always true, or always false.
                (depth + 1, leaves.max(1), longest)
            }
            Self::Not(part) => {
                let (depth, leaves, longest) = part.measure();
                (depth + 1, leaves, longest)
            }
            Self::Id(ids) => (0, 1, ids.len()),
            Self::Workspace(ids) => (0, 1, ids.len()),
            Self::Project(ids) => (0, 1, ids.len()),
            Self::Model(ids) => (0, 1, ids.len()),
            Self::CreatedBy(ids) => (0, 1, ids.len()),
            Self::Job(ids) => (0, 1, ids.len()),
            Self::Dataset(ids) => (0, 1, ids.len()),
            Self::DatasetVersion(ids) => (0, 1, ids.len()),
            Self::Name(test)
            | Self::Detector(test)
            | Self::Alias(test)
            | Self::Tag(test)
            | Self::DatasetName(test)
            | Self::GitBranch(test)
            | Self::GitCommit(test) => (0, 1, texts(test)),
            Self::Number(test) => (0, 1, test.any_of.as_ref().map_or(0, Vec::len)),
            Self::Hyperparameter(_, test) | Self::Parameter(_, test) => match test {
                ValueTest::Number(test) => (0, 1, numbers(test)),
                ValueTest::String(test) => (0, 1, texts(test)),
                ValueTest::Boolean(_) | ValueTest::Exists(_) => (0, 1, 0),
            },
            Self::Metric(_, _, test) => (0, 1, numbers(test)),
            Self::CreatedAt(_) | Self::Visibility(_) | Self::Status(_) | Self::GitDirty(_) => (0, 1, 0),
        }
    }
}
