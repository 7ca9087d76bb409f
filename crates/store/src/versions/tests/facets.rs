//! Facets against counting the same in memory.

use std::collections::{BTreeMap, BTreeSet};

use nunatak_domain::{Direction, Scalar, VersionStatus, filter::VersionFilter};
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::{
    cases,
    naive::{self, Fake},
    random,
    world::{self, World},
};
use crate::{
    Actor, StoreError,
    facets::{Counted, KeyFacet, MetricFacet, NameFacet, Top, TypeFacet, ValueFacet, ValueKind},
};

#[test]
fn facets_are_what_a_naive_count_finds() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for url in world::databases() {
        let world = runtime.block_on(World::new(&url));
        let mut runner = TestRunner::new(Config { cases: cases() / 2, failure_persistence: None, ..Config::default() });
        let outcome = runner.run(&random::case(), |(filter, _, first, actor)| {
            let (actor, sees) = world.actor(actor);
            runtime
                .block_on(compare(&world, &actor, sees, &filter, first))
                .map_err(|difference| TestCaseError::fail(format!("{url}: {difference}")))
        });
        outcome.unwrap();
    }
}

async fn compare(
    world: &World,
    actor: &Actor,
    sees: fn(&Fake) -> bool,
    filter: &VersionFilter,
    first: u32,
) -> Result<(), String> {
    let fakes: Vec<_> = world.fakes.iter().filter(|fake| sees(fake) && naive::passes(filter, fake)).collect();
    let store = &world.store;
    let considered = store.consider_versions(actor, filter).await.map_err(|error| format!("{error:?}"))?;
    same("considered", Ok(considered.count().value), fakes.len() as i64)?;
    same("capped", Ok(considered.count().capped), false)?;
    for (facet, names) in [
        (NameFacet::Tag, fakes.iter().flat_map(|fake| fake.tags.clone()).collect()),
        (NameFacet::Alias, fakes.iter().flat_map(|fake| fake.aliases.clone()).collect()),
        (NameFacet::GitBranch, fakes.iter().filter_map(|fake| fake.branch.clone()).collect()),
        (NameFacet::ModelName, fakes.iter().map(|fake| fake.name.clone()).collect()),
        (NameFacet::Detector, fakes.iter().filter_map(|fake| fake.detector.clone()).collect()),
        (NameFacet::Dataset, fakes.iter().filter_map(|fake| fake.dataset.clone()).collect::<Vec<_>>()),
    ] {
        same(&format!("{facet:?}"), store.facet_names(&considered, facet, first).await, top(names, first))?;
    }
    // Logins and names sort as the ids do here, but for "ann", who stands before "bob" and "root".
    let place = |fake: &&Fake| [2, 0, 1][(fake.created_by.0.as_u128() - 1) as usize];
    let authors = top(fakes.iter().map(place).collect(), first);
    let login = |found: Counted<usize>| Counted { value: world::id([1, 2, 0][found.value]), count: found.count };
    same("authors", store.facet_authors(&considered, first).await, map(authors, login))?;
    let projects = top(fakes.iter().map(|fake| fake.project).collect(), first);
    same("projects", store.facet_projects(&considered, first).await, projects)?;
    let ready = Counted { value: VersionStatus::Ready, count: fakes.len() as i64 };
    let statuses = if fakes.is_empty() { vec![] } else { vec![ready] };
    same("statuses", store.facet_statuses(&considered).await, statuses)?;

    let chosen = keys(fakes.iter().map(|fake| &fake.hyperparameters), first, 3);
    same("hyperparameters", store.facet_hyperparameters(&considered, first, 3).await, chosen)?;
    let noted = keys(fakes.iter().map(|fake| &fake.parameters), first, 0);
    same("parameters", store.facet_parameters(&considered, first, 0).await, noted)?;
    same("metrics", store.facet_metrics(&considered, first).await, metrics(&fakes, first))
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: Result<T, StoreError>, expected: T) -> Result<(), String> {
    match found {
        Ok(found) if found == expected => Ok(()),
        found => Err(format!("{what}\n found    {found:?}\n expected {expected:?}")),
    }
}

fn map<T, U>(top: Top<T>, change: impl Fn(T) -> U) -> Top<U> {
    Top { items: top.items.into_iter().map(change).collect(), has_more: top.has_more }
}

/// The first of `items`, by falling count and then by `key`.
fn first_by<T, K: Ord>(mut items: Vec<T>, first: u32, key: impl Fn(&T) -> (i64, K)) -> Top<T> {
    items.sort_by(|a, b| {
        let ((a, a_key), (b, b_key)) = (key(a), key(b));
        b.cmp(&a).then(a_key.cmp(&b_key))
    });
    let has_more = items.len() > first as usize;
    items.truncate(first as usize);
    Top { items, has_more }
}

fn top<T: Ord + Clone>(values: Vec<T>, first: u32) -> Top<Counted<T>> {
    let mut counts = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_insert(0) += 1;
    }
    let counted = counts.into_iter().map(|(value, count)| Counted { value, count }).collect();
    first_by(counted, first, |found| (found.count, found.value.clone()))
}

/// A value as it is grouped: type, then number (by what its bits order like), then the beginning of its text.
type Grouped = (usize, i64, String);

fn grouped(value: &Scalar) -> Grouped {
    let ordered = |number: f64| {
        let bits = (number + 0.0).to_bits().cast_signed();
        if bits < 0 { !bits ^ i64::MIN } else { bits }
    };
    match value {
        Scalar::Number(number) => (0, ordered(*number), String::new()),
        Scalar::String(text) => (1, 0, text.chars().take(200).collect()),
        Scalar::Boolean(value) => (2, 0, value.to_string()),
        Scalar::Json(_) => (3, 0, String::new()),
    }
}

fn keys<'a>(versions: impl Iterator<Item = &'a BTreeMap<String, Scalar>>, first: u32, values: u32) -> Top<KeyFacet> {
    let mut by_key: BTreeMap<&str, Vec<&Scalar>> = BTreeMap::new();
    for (key, value) in versions.flatten() {
        by_key.entry(key).or_default().push(value);
    }
    let facets = by_key.into_iter().map(|(key, found)| key_facet(key, &found, values)).collect();
    first_by(facets, first, |facet| (facet.count, facet.key.clone()))
}

fn key_facet(key: &str, found: &[&Scalar], values: u32) -> KeyFacet {
    let mut groups: BTreeMap<Grouped, Vec<&Scalar>> = BTreeMap::new();
    for value in found {
        groups.entry(grouped(value)).or_default().push(value);
    }
    let of_kind = |(place, kind): (usize, ValueKind)| {
        let groups: Vec<_> = groups.iter().filter(|(group, _)| group.0 == place).collect();
        let count = groups.iter().map(|(_, values)| values.len() as i64).sum();
        let distinct = (kind != ValueKind::Json).then_some(groups.len() as i64);
        (count > 0).then_some(TypeFacet { kind, count, distinct })
    };
    let kinds = [ValueKind::Number, ValueKind::String, ValueKind::Boolean, ValueKind::Json];
    let finite = found.iter().filter_map(|value| match value {
        Scalar::Number(number) if number.is_finite() => Some(*number),
        _ => None,
    });
    let counted = groups.iter().filter(|(group, _)| group.0 < 3).map(|(group, values)| {
        let value = match values[0] {
            Scalar::String(_) => Scalar::String(group.2.clone()),
            other => other.clone(),
        };
        let truncated = values.iter().any(|value| matches!(value, Scalar::String(text) if *text != group.2));
        (group.clone(), ValueFacet { value, truncated, count: values.len() as i64 })
    });
    let counted = first_by(counted.collect(), values, |(group, facet)| (facet.count, group.clone()));
    KeyFacet {
        key: key.to_owned(),
        count: found.len() as i64,
        types: kinds.into_iter().enumerate().filter_map(of_kind).collect(),
        min: finite.clone().reduce(f64::min),
        max: finite.reduce(f64::max),
        values: counted.items.into_iter().map(|(_, facet)| facet).collect(),
    }
}

fn metrics(fakes: &[&Fake], first: u32) -> Top<MetricFacet> {
    let mut by_key: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (key, measured) in fakes.iter().flat_map(|fake| &fake.metrics) {
        by_key.entry(key).or_default().push(measured[0]);
    }
    let facet = |(key, last): (&str, Vec<f64>)| {
        let finite = last.iter().copied().filter(|value| value.is_finite());
        MetricFacet {
            key: key.to_owned(),
            count: last.len() as i64,
            min: finite.clone().reduce(f64::min),
            max: finite.clone().reduce(f64::max),
            distinct: finite.map(|value| value.to_string()).collect::<BTreeSet<_>>().len() as i64,
            nan: last.iter().filter(|value| value.is_nan()).count() as i64,
            infinite: last.iter().filter(|value| value.is_infinite()).count() as i64,
            direction: (key == "loss").then_some(Direction::Minimize),
        }
    };
    first_by(by_key.into_iter().map(facet).collect(), first, |facet| (facet.count, facet.key.clone()))
}
