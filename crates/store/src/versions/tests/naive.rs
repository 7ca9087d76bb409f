//! The same filters and orders, evaluated without a database.

use std::{cmp::Ordering, collections::BTreeMap};

use nunatak_domain::{
    ModelId, ProjectId, Scalar, Timestamp, UserId, VersionId, VersionStatus, Visibility, WorkspaceId,
    filter::{
        Aggregate, IntTest, NumberTest, OrderField, Sort, StringTest, TimeTest, ValueTest, VersionFilter, VersionOrder,
    },
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
        VersionFilter::Name(test) => texts(test, [&fake.name]),
        VersionFilter::Detector(test) => texts(test, &fake.detector),
        VersionFilter::Number(test) => int(test, fake.number),
        VersionFilter::CreatedAt(test) => time(test, fake.created_at),
        VersionFilter::Visibility(value) => fake.visibility == *value,
        VersionFilter::Status(value) => *value == VersionStatus::Ready,
        VersionFilter::Alias(test) => texts(test, &fake.aliases),
        VersionFilter::Tag(test) => texts(test, &fake.tags),
        VersionFilter::DatasetName(test) => texts(test, &fake.dataset),
        VersionFilter::GitBranch(test) => texts(test, &fake.branch),
        VersionFilter::GitCommit(test) => texts(test, &fake.commit),
        VersionFilter::GitDirty(dirty) => fake.dirty == Some(*dirty),
        VersionFilter::Hyperparameter(key, test) => value(test, fake.hyperparameters.get(key)),
        VersionFilter::Parameter(key, test) => value(test, fake.parameters.get(key)),
        VersionFilter::Metric(key, aggregate, test) => {
            number(test, fake.metrics.get(key).map(|measured| measured[place(*aggregate)]))
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

fn texts<'a>(test: &StringTest, values: impl IntoIterator<Item = &'a String>) -> bool {
    let mut values = values.into_iter().peekable();
    match test.exists {
        Some(false) => values.peek().is_none() && StringTest { exists: None, ..test.clone() } == StringTest::default(),
        _ => values.any(|value| text(test, value)),
    }
}

fn text(test: &StringTest, value: &String) -> bool {
    let low = value.to_ascii_lowercase();
    test.eq.as_ref().is_none_or(|wanted| value == wanted)
        && test.ne.as_ref().is_none_or(|wanted| value != wanted)
        && test.any_of.as_ref().is_none_or(|any| any.contains(value))
        && test.contains.as_ref().is_none_or(|part| low.contains(&part.to_ascii_lowercase()))
        && test.starts_with.as_ref().is_none_or(|part| low.starts_with(&part.to_ascii_lowercase()))
}

fn number(test: &NumberTest, value: Option<f64>) -> bool {
    if test.exists == Some(false) {
        return value.is_none() && NumberTest { exists: None, ..test.clone() } == NumberTest::default();
    }
    let Some(value) = value else { return false };
    let real = !value.is_nan();
    test.eq.is_none_or(|wanted| value == wanted)
        && test.ne.is_none_or(|wanted| real && value != wanted)
        && test.lt.is_none_or(|wanted| value < wanted)
        && test.lte.is_none_or(|wanted| value <= wanted)
        && test.gt.is_none_or(|wanted| value > wanted)
        && test.gte.is_none_or(|wanted| value >= wanted)
        && test.any_of.as_ref().is_none_or(|any| any.contains(&value))
        && test.finite.is_none_or(|finite| value.is_finite() == finite)
}

fn int(test: &IntTest, value: i64) -> bool {
    test.eq.is_none_or(|wanted| value == wanted)
        && test.ne.is_none_or(|wanted| value != wanted)
        && test.lt.is_none_or(|wanted| value < wanted)
        && test.lte.is_none_or(|wanted| value <= wanted)
        && test.gt.is_none_or(|wanted| value > wanted)
        && test.gte.is_none_or(|wanted| value >= wanted)
        && test.any_of.as_ref().is_none_or(|any| any.contains(&value))
}

fn time(test: &TimeTest, value: Timestamp) -> bool {
    test.eq.is_none_or(|wanted| value == wanted)
        && test.lt.is_none_or(|wanted| value < wanted)
        && test.lte.is_none_or(|wanted| value <= wanted)
        && test.gt.is_none_or(|wanted| value > wanted)
        && test.gte.is_none_or(|wanted| value >= wanted)
}

fn value(test: &ValueTest, value: Option<&Scalar>) -> bool {
    match (test, value) {
        (ValueTest::Exists(exists), value) => value.is_some() == *exists,
        (ValueTest::Boolean(wanted), Some(Scalar::Boolean(value))) => value == wanted,
        (ValueTest::Boolean(_), _) => false,
        (ValueTest::Number(test), Some(Scalar::Number(value))) => number(test, Some(*value)),
        (ValueTest::Number(test), _) => number(test, None),
        (ValueTest::String(test), Some(Scalar::String(value))) => texts(test, [value]),
        (ValueTest::String(test), _) => texts(test, []),
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
