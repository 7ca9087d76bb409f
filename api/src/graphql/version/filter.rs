use async_graphql::{Enum, ID, InputObject, OneofObject};
use chrono::{DateTime, Utc};
use nunatak_domain::{
    Timestamp,
    filter::{self, IntTest, NumberTest, StringTest, TimeTest, ValueTest, VersionFilter},
    ids::IdError,
};
use nunatak_store::StoreError;

use super::{
    super::{context::parse_id, scalars::Int64},
    VersionStatus, Visibility,
};

/// Which versions to list. All that is given must hold; what is left out does not restrict.
///
/// A condition on a missing key, alias, tag or field is false, so `not` includes what lacks it. Two metrics at
/// once are two entries of `and`. At most 5 levels of `and`/`or`/`not`, 24 conditions, 200 entries in a list.
#[derive(InputObject, Debug, Clone, Default)]
#[graphql(name = "VersionFilter")]
pub(crate) struct VersionFilterInput {
    /// All of these hold.
    and: Option<Vec<VersionFilterInput>>,
    /// One of these holds; none does in an empty list.
    or: Option<Vec<VersionFilterInput>>,
    /// This does not hold.
    not: Option<Box<VersionFilterInput>>,
    /// The version, `ver_…`.
    id: Option<IdFilter>,
    /// The workspace of its project, `ws_…`.
    workspace: Option<IdFilter>,
    /// Its project, `prj_…`.
    project: Option<IdFilter>,
    /// Its model, `mdl_…`.
    model: Option<IdFilter>,
    /// Who logged it or asked for the training, `usr_…`.
    created_by: Option<IdFilter>,
    /// The job that made it, `job_…`.
    job: Option<IdFilter>,
    /// The model's name.
    name: Option<StringFilter>,
    /// The detector's name.
    detector: Option<StringFilter>,
    /// The number within the model.
    number: Option<IntFilter>,
    /// When it was registered.
    created_at: Option<DateTimeFilter>,
    /// The name of an alias on it. Of several, one must pass.
    alias: Option<StringFilter>,
    /// A tag on it. Of several, one must pass.
    tag: Option<TagFilter>,
    /// What it was trained on.
    dataset: Option<DatasetFilter>,
    /// The working copy that it was made from.
    git: Option<GitFilter>,
    /// Who may see it.
    visibility: Option<Visibility>,
    /// How far it is.
    status: Option<VersionStatus>,
    /// One of its hyperparameters.
    hyperparameter: Option<KeyPredicate>,
    /// One of its parameters.
    parameter: Option<KeyPredicate>,
    /// One of its metrics.
    metric: Option<MetricPredicate>,
}

/// A test of an id. All that is given must hold.
#[derive(InputObject, Debug, Clone)]
pub(crate) struct IdFilter {
    /// This one.
    eq: Option<ID>,
    /// One of these.
    #[graphql(name = "in")]
    any_of: Option<Vec<ID>>,
}

/// A test of a text. All that is given must hold; a missing text passes `exists: false` only.
#[derive(InputObject, Debug, Clone, Default)]
pub(crate) struct StringFilter {
    /// Exactly this.
    eq: Option<String>,
    /// Another than this.
    ne: Option<String>,
    /// One of these.
    #[graphql(name = "in")]
    any_of: Option<Vec<String>>,
    /// Has this somewhere in it, whatever the case (of ASCII letters).
    contains: Option<String>,
    /// Begins with this, whatever the case (of ASCII letters).
    starts_with: Option<String>,
    /// Whether there is one at all.
    exists: Option<bool>,
}

/// A test of a whole number. All that is given must hold.
#[derive(InputObject, Debug, Clone)]
pub(crate) struct IntFilter {
    /// Exactly this.
    eq: Option<Int64>,
    /// Another than this.
    ne: Option<Int64>,
    /// Less than this.
    lt: Option<Int64>,
    /// At most this.
    lte: Option<Int64>,
    /// More than this.
    gt: Option<Int64>,
    /// At least this.
    gte: Option<Int64>,
    /// One of these.
    #[graphql(name = "in")]
    any_of: Option<Vec<Int64>>,
}

/// A test of an instant. All that is given must hold.
#[derive(InputObject, Debug, Clone)]
pub(crate) struct DateTimeFilter {
    /// Exactly then (to the microsecond).
    eq: Option<DateTime<Utc>>,
    /// Before.
    lt: Option<DateTime<Utc>>,
    /// Then or before.
    lte: Option<DateTime<Utc>>,
    /// After.
    gt: Option<DateTime<Utc>>,
    /// Then or after.
    gte: Option<DateTime<Utc>>,
}

/// A test of a float. All that is given must hold; NaN passes only `finite: false` and `exists: true`.
#[derive(InputObject, Debug, Clone, Default)]
pub(crate) struct NumberFilter {
    /// Exactly this.
    eq: Option<f64>,
    /// Another than this.
    ne: Option<f64>,
    /// Less than this.
    lt: Option<f64>,
    /// At most this.
    lte: Option<f64>,
    /// More than this.
    gt: Option<f64>,
    /// At least this.
    gte: Option<f64>,
    /// One of these.
    #[graphql(name = "in")]
    any_of: Option<Vec<f64>>,
    /// True: no NaN and no infinity. False: one of them.
    finite: Option<bool>,
    /// Whether there is a value at all.
    exists: Option<bool>,
}

/// A test of a tag.
#[derive(InputObject, Debug, Clone)]
pub(crate) struct TagFilter {
    /// Its name.
    name: StringFilter,
}

/// A test of what a version was trained on. All that is given must hold.
#[derive(InputObject, Debug, Clone)]
pub(crate) struct DatasetFilter {
    /// The dataset, `ds_…`.
    id: Option<IdFilter>,
    /// The dataset's version, `dsv_…`.
    version: Option<IdFilter>,
    /// The name, of a dataset kept here or elsewhere.
    name: Option<StringFilter>,
}

/// A test of the working copy that a version was made from. All that is given must hold.
#[derive(InputObject, Debug, Clone)]
pub(crate) struct GitFilter {
    /// The branch.
    branch: Option<StringFilter>,
    /// The commit's hash.
    commit: Option<StringFilter>,
    /// Whether files differed from the commit.
    dirty: Option<bool>,
}

/// A test of the hyperparameter or parameter with a key.
#[derive(InputObject, Debug, Clone)]
pub(crate) struct KeyPredicate {
    /// Its name.
    key: String,
    /// What its value must be. A value of another type does not pass.
    value: ValueFilter,
}

/// A test of a typed value: exactly one of these.
#[derive(OneofObject, Debug, Clone)]
pub(crate) enum ValueFilter {
    /// It is a number, and passes this.
    Number(NumberFilter),
    /// It is a string, and passes this.
    String(StringFilter),
    /// It is this boolean.
    Boolean(bool),
    /// Whether there is a value, of whatever type.
    Exists(bool),
}

/// A test of the metric with a key.
#[derive(InputObject, Debug, Clone)]
pub(crate) struct MetricPredicate {
    /// Its name.
    key: String,
    /// Which of its values counts.
    #[graphql(default)]
    aggregate: MetricAggregate,
    /// What that value must be.
    value: NumberFilter,
}

/// Which of a metric's values counts.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[graphql(remote = "filter::Aggregate")]
pub enum MetricAggregate {
    /// The one with the greatest step.
    #[default]
    Last,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The smallest or largest, as the project declares for the metric (`declareMetric`); largest unless declared.
    Best,
}

impl VersionFilterInput {
    /// # Errors
    /// `INVALID_ID`.
    pub(crate) fn parse(self) -> Result<VersionFilter, StoreError> {
        let mut parts = Vec::new();
        for part in self.and.into_iter().flatten() {
            parts.push(part.parse()?);
        }
        if let Some(any) = self.or {
            parts.push(VersionFilter::Or(any.into_iter().map(Self::parse).collect::<Result<_, _>>()?));
        }
        if let Some(part) = self.not {
            parts.push(VersionFilter::Not(Box::new(part.parse()?)));
        }
        ids(&mut parts, self.id, VersionFilter::Id)?;
        ids(&mut parts, self.workspace, VersionFilter::Workspace)?;
        ids(&mut parts, self.project, VersionFilter::Project)?;
        ids(&mut parts, self.model, VersionFilter::Model)?;
        ids(&mut parts, self.created_by, VersionFilter::CreatedBy)?;
        ids(&mut parts, self.job, VersionFilter::Job)?;
        parts.extend(self.name.map(|test| VersionFilter::Name(test.into())));
        parts.extend(self.detector.map(|test| VersionFilter::Detector(test.into())));
        parts.extend(self.number.map(|test| VersionFilter::Number(test.into())));
        parts.extend(self.created_at.map(|test| VersionFilter::CreatedAt(test.into())));
        parts.extend(self.alias.map(|test| VersionFilter::Alias(test.into())));
        parts.extend(self.tag.map(|test| VersionFilter::Tag(test.name.into())));
        if let Some(dataset) = self.dataset {
            ids(&mut parts, dataset.id, VersionFilter::Dataset)?;
            ids(&mut parts, dataset.version, VersionFilter::DatasetVersion)?;
            parts.extend(dataset.name.map(|test| VersionFilter::DatasetName(test.into())));
        }
        if let Some(git) = self.git {
            parts.extend(git.branch.map(|test| VersionFilter::GitBranch(test.into())));
            parts.extend(git.commit.map(|test| VersionFilter::GitCommit(test.into())));
            parts.extend(git.dirty.map(VersionFilter::GitDirty));
        }
        parts.extend(self.visibility.map(|value| VersionFilter::Visibility(value.into())));
        parts.extend(self.status.map(|value| VersionFilter::Status(value.into())));
        parts.extend(self.hyperparameter.map(|test| VersionFilter::Hyperparameter(test.key, test.value.into())));
        parts.extend(self.parameter.map(|test| VersionFilter::Parameter(test.key, test.value.into())));
        let metric = |test: MetricPredicate| VersionFilter::Metric(test.key, test.aggregate.into(), test.value.into());
        parts.extend(self.metric.map(metric));
        // A lone condition is no level of its own.
        Ok(if parts.len() == 1 { parts.remove(0) } else { VersionFilter::And(parts) })
    }
}

fn ids<T: std::str::FromStr<Err = IdError>>(
    parts: &mut Vec<VersionFilter>,
    test: Option<IdFilter>,
    filter: fn(Vec<T>) -> VersionFilter,
) -> Result<(), StoreError> {
    let Some(test) = test else { return Ok(()) };
    if let Some(id) = test.eq {
        parts.push(filter(vec![parse_id(&id, "filter")?]));
    }
    if let Some(any) = test.any_of {
        parts.push(filter(any.iter().map(|id| parse_id(id, "filter")).collect::<Result<_, _>>()?));
    }
    Ok(())
}

impl From<StringFilter> for StringTest {
    fn from(input: StringFilter) -> Self {
        let StringFilter { eq, ne, any_of, contains, starts_with, exists } = input;
        Self { eq, ne, any_of, contains, starts_with, exists }
    }
}

impl From<NumberFilter> for NumberTest {
    fn from(input: NumberFilter) -> Self {
        let NumberFilter { eq, ne, lt, lte, gt, gte, any_of, finite, exists } = input;
        Self { eq, ne, lt, lte, gt, gte, any_of, finite, exists }
    }
}

impl From<IntFilter> for IntTest {
    fn from(input: IntFilter) -> Self {
        let plain = |value: Option<Int64>| value.map(|value| value.0);
        Self {
            eq: plain(input.eq),
            ne: plain(input.ne),
            lt: plain(input.lt),
            lte: plain(input.lte),
            gt: plain(input.gt),
            gte: plain(input.gte),
            any_of: input.any_of.map(|values| values.into_iter().map(|value| value.0).collect()),
        }
    }
}

impl From<DateTimeFilter> for TimeTest {
    fn from(input: DateTimeFilter) -> Self {
        let time = |time: Option<DateTime<Utc>>| time.map(Timestamp::from);
        Self { eq: time(input.eq), lt: time(input.lt), lte: time(input.lte), gt: time(input.gt), gte: time(input.gte) }
    }
}

impl From<ValueFilter> for ValueTest {
    fn from(input: ValueFilter) -> Self {
        match input {
            ValueFilter::Number(test) => Self::Number(test.into()),
            ValueFilter::String(test) => Self::String(test.into()),
            ValueFilter::Boolean(value) => Self::Boolean(value),
            ValueFilter::Exists(exists) => Self::Exists(exists),
        }
    }
}
