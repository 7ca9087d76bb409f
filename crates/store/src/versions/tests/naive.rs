//! The same filters and orders, evaluated without a database.

use std::{cmp::Ordering, collections::BTreeMap};

use nunatak_domain::{
    ModelId, ProjectId, Scalar, Timestamp, UserId, VersionId, VersionStatus, Visibility, WorkspaceId,
    filter::{Aggregate, OrderField, Sort, VersionFilter, VersionOrder},
};

/// last, min, max, best; NaN where no number is.
pub(super) type Measured = [f64; 4];

/// A version as the test put it in.
#[derive(Debug, Clone)]
pub(super) struct Fake {
    pub(super) row: i64,
    pub(super) id: VersionId,
    pub(super) workspace: WorkspaceId,
    pub(super) project: ProjectId,
    pub(super) model: ModelId,
    pub(super) name: String,
    pub(super) number: i64,
    pub(super) visibility: Visibility,
    pub(super) created_by: UserId,
    pub(super) created_at: Timestamp,
    pub(super) detector: Option<String>,
    pub(super) dataset: Option<String>,
    pub(super) branch: Option<String>,
    pub(super) commit: Option<String>,
    pub(super) dirty: Option<bool>,
    pub(super) hyperparameters: BTreeMap<String, Scalar>,
    pub(super) parameters: BTreeMap<String, Scalar>,
    pub(super) metrics: BTreeMap<String, Measured>,
    pub(super) tags: Vec<String>,
    pub(super) aliases: Vec<String>,
}

pub(super) fn passes(filter: &VersionFilter, fake: &Fake) -> bool {
    match filter {
        VersionFilter::And(parts) => parts.iter().all(|part| passes(part, fake)),
        VersionFilter::Or(parts) => parts.iter().any(|part| passes(part, fake)),
        VersionFilter::Not(part) => !passes(part, fake),
        VersionFilter::Id(ids) => ids.contains(&fake.id),
        VersionFilter::Workspace(ids) => ids.contains(&fake.workspace),
        VersionFilter::Project(ids) => ids.contains(&fake.project),
        VersionFilter::Model(ids) => ids.contains(&fake.model),
        VersionFilter::CreatedBy(ids) => ids.contains(&fake.created_by),
        VersionFilter::Job(_) | VersionFilter::Dataset(_) | VersionFilter::DatasetVersion(_) => false,
        VersionFilter::Name(test) => test.passes([&fake.name]),
        VersionFilter::Detector(test) => test.passes(&fake.detector),
        VersionFilter::Number(test) => test.passes(fake.number),
        VersionFilter::CreatedAt(test) => test.passes(fake.created_at),
        VersionFilter::Visibility(value) => fake.visibility == *value,
        VersionFilter::Status(value) => *value == VersionStatus::Ready,
        VersionFilter::Alias(test) => test.passes(&fake.aliases),
        VersionFilter::Tag(test) => test.passes(&fake.tags),
        VersionFilter::DatasetName(test) => test.passes(&fake.dataset),
        VersionFilter::GitBranch(test) => test.passes(&fake.branch),
        VersionFilter::GitCommit(test) => test.passes(&fake.commit),
        VersionFilter::GitDirty(dirty) => fake.dirty == Some(*dirty),
        VersionFilter::Hyperparameter(key, test) => test.passes(fake.hyperparameters.get(key)),
        VersionFilter::Parameter(key, test) => test.passes(fake.parameters.get(key)),
        VersionFilter::Metric(key, aggregate, test) => {
            test.passes(fake.metrics.get(key).map(|measured| measured[place(*aggregate)]))
        }
    }
}

const fn place(aggregate: Aggregate) -> usize {
    match aggregate {
        Aggregate::Last => 0,
        Aggregate::Min => 1,
        Aggregate::Max => 2,
        Aggregate::Best => 3,
    }
}

pub(super) fn compare(orders: &[VersionOrder], a: &Fake, b: &Fake) -> Ordering {
    let parts = orders.iter().map(|order| one(order, a, b));
    parts.fold(Ordering::Equal, Ordering::then).then(b.row.cmp(&a.row))
}

fn one(order: &VersionOrder, a: &Fake, b: &Fake) -> Ordering {
    match order {
        VersionOrder::Field(OrderField::CreatedAt, sort) => turn(*sort, a.created_at.cmp(&b.created_at)),
        VersionOrder::Field(OrderField::Number, sort) => turn(*sort, a.number.cmp(&b.number)),
        VersionOrder::Field(OrderField::Name, sort) => turn(*sort, a.name.cmp(&b.name)),
        VersionOrder::Field(OrderField::Detector, sort) => {
            last(*sort, a.detector.as_ref(), b.detector.as_ref(), Ord::cmp)
        }
        VersionOrder::Hyperparameter(key, sort) => {
            scalars(*sort, a.hyperparameters.get(key), b.hyperparameters.get(key))
        }
        VersionOrder::Parameter(key, sort) => scalars(*sort, a.parameters.get(key), b.parameters.get(key)),
        VersionOrder::Metric(key, aggregate, sort) => {
            let value = |fake: &Fake| fake.metrics.get(key).map(|all| all[place(*aggregate)]).filter(|v| !v.is_nan());
            last(*sort, value(a), value(b), |a, b| a.partial_cmp(b).unwrap())
        }
    }
}

fn turn(sort: Sort, ordering: Ordering) -> Ordering {
    if sort == Sort::Asc { ordering } else { ordering.reverse() }
}

fn last<T>(sort: Sort, a: Option<T>, b: Option<T>, compare: impl Fn(&T, &T) -> Ordering) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => turn(sort, compare(&a, &b)),
        (a, b) => a.is_none().cmp(&b.is_none()),
    }
}

fn scalars(sort: Sort, a: Option<&Scalar>, b: Option<&Scalar>) -> Ordering {
    let rank = |value: Option<&Scalar>| match value {
        Some(Scalar::Number(_)) => 0,
        Some(Scalar::String(_)) => 1,
        Some(_) => 2,
        None => 3,
    };
    let head = |text: &str| text.chars().take(200).collect::<String>();
    let same_type = match (a, b) {
        (Some(Scalar::Number(a)), Some(Scalar::Number(b))) => a.partial_cmp(b).unwrap(),
        (Some(Scalar::String(a)), Some(Scalar::String(b))) => head(a).cmp(&head(b)),
        _ => Ordering::Equal,
    };
    rank(a).cmp(&rank(b)).then(turn(sort, same_type))
}
