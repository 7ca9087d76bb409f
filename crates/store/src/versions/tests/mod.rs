//! The compiled filter and order against a naive evaluation of the same in memory.

mod facets;
mod naive;
mod random;
mod summaries;
mod world;

use nunatak_domain::{
    PageRequest,
    filter::{Aggregate, NumberTest, Sort, VersionFilter, VersionOrder},
};
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::{
    Along,
    compile::Keys,
    plan::{Question, Target, Way},
};
use crate::{Actor, StoreError};
use world::World;

/// Raise `NUNATAK_FILTER_CASES` for a longer hunt.
fn cases() -> u32 {
    std::env::var("NUNATAK_FILTER_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(300)
}

#[test]
fn pages_are_what_a_naive_evaluation_finds() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for url in world::databases() {
        let world = runtime.block_on(World::new(&url));
        let mut runner = TestRunner::new(Config { cases: cases(), failure_persistence: None, ..Config::default() });
        let outcome = runner.run(&random::case(), |(filter, orders, size, actor)| {
            let (actor, sees) = world.actor(actor);
            runtime
                .block_on(compare(&world, &actor, sees, &filter, &orders, size))
                .map_err(|difference| TestCaseError::fail(format!("{url}: {difference}")))
        });
        outcome.unwrap();
    }
}

/// All ways in which the page can be come by.
fn ways(world: &World, filter: &VersionFilter, orders: &[VersionOrder], backwards: bool) -> Vec<(bool, Way)> {
    let (conjuncts, keys) = (filter.conjuncts(), Keys::default());
    let target = Target { keys: &keys, postgres: world.store.0.db.is_postgres(), filter };
    let question = Question { conjuncts: &conjuncts, orders, target, rows: 2 };
    question.ways(true).unwrap().into_iter().map(|way| (backwards, way)).collect()
}

/// Walks all pages forwards and backwards, in all ways that there are.
async fn compare(
    world: &World,
    actor: &Actor,
    sees: fn(&naive::Fake) -> bool,
    filter: &VersionFilter,
    orders: &[VersionOrder],
    size: u32,
) -> Result<(), String> {
    let mut expected: Vec<_> = world.fakes.iter().filter(|fake| sees(fake) && naive::passes(filter, fake)).collect();
    expected.sort_by(|a, b| naive::compare(orders, a, b));
    let expected: Vec<i64> = expected.into_iter().map(|fake| fake.row).collect();
    let count = world.store.count_versions(actor, filter).await.map_err(|error| format!("{error:?}"))?;
    if count.value != i64::try_from(expected.len()).unwrap() {
        return Err(format!("counted {count:?}, expected {}", expected.len()));
    }
    for (backwards, way) in [false, true].into_iter().flat_map(|backwards| ways(world, filter, orders, backwards)) {
        let mut found = Vec::new();
        let mut cursor = None;
        let along = Along { maps: backwards, authors: !backwards };
        loop {
            let request = PageRequest { size, backwards, cursor: cursor.take() };
            let page = world.store.versions_by(actor, (filter, orders, &request), along, Some(way)).await;
            let page = page.map_err(|error| format!("{way:?} {error:?}"))?.0;
            let rows: Vec<_> = page.items.iter().map(|(_, version)| version.row).collect();
            let (more, edge) = match backwards {
                true => (page.has_previous, page.items.first()),
                false => (page.has_next, page.items.last()),
            };
            cursor = edge.map(|(cursor, _)| cursor.clone());
            if backwards {
                found.splice(0..0, rows).for_each(drop)
            } else {
                found.extend(rows)
            }
            if !more || found.len() > expected.len() {
                break;
            }
        }
        if found != expected {
            return Err(format!("{way:?}, backwards: {backwards}\n found    {found:?}\n expected {expected:?}"));
        }
    }
    Ok(())
}

#[tokio::test]
async fn foreign_and_broken_cursors_are_refused() {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let world = World::new("sqlite::memory:").await;
    let everything = VersionFilter::And(vec![]);
    let by_auc = [VersionOrder::Metric("auc".to_owned(), Aggregate::Best, Sort::Desc)];
    let store = &world.store;
    let first = store.versions(&world.admin(), &everything, &by_auc, &PageRequest::first(3)).await.unwrap();
    let good = first.items[2].0.clone();
    let ask = async |filter: &VersionFilter, orders: &[VersionOrder], cursor: String| {
        let request = PageRequest { size: 3, backwards: false, cursor: Some(cursor) };
        store.versions(&world.admin(), filter, orders, &request).await
    };
    assert!(ask(&everything, &by_auc, good.clone()).await.is_ok());

    let exists = NumberTest { exists: Some(true), ..NumberTest::default() };
    let narrower = VersionFilter::Metric("auc".to_owned(), Aggregate::Last, exists);
    let json = String::from_utf8(URL_SAFE_NO_PAD.decode(&good).unwrap()).unwrap();
    let mut broken = vec![String::new(), "x".to_owned(), "é".to_owned(), good[1..].to_owned()];
    for (from, to) in [("\"s\":0", "\"s\":7"), ("\"v\":[", "\"v\":[null,"), ("\"f\"", "\"t\"")] {
        broken.push(URL_SAFE_NO_PAD.encode(json.replace(from, to)));
    }
    // A NaN, of which PostgreSQL and SQLite think differently.
    let start = json.find("\"f\":").unwrap() + 4;
    let end = start + json[start..].find('}').unwrap();
    broken.push(URL_SAFE_NO_PAD.encode(format!("{}{}{}", &json[..start], f64::NAN.to_bits(), &json[end..])));
    let mut answers = vec![ask(&narrower, &by_auc, good.clone()).await, ask(&everything, &[], good).await];
    for cursor in broken {
        answers.push(ask(&everything, &by_auc, cursor).await);
    }
    for answer in answers {
        let error = answer.unwrap_err();
        assert!(matches!(&error, StoreError::Invalid(found) if found[0].code == "INVALID_CURSOR"), "{error:?}");
    }
}
