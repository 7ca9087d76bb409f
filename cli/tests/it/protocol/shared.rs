//! Several runners on one server.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::kind::{self, Kind};
use super::world::World;
use crate::processes::eventually;

/// Trainings of each of the two kinds of detectors.
const TRAININGS: usize = 12;

/// Two of `nunatak runner` and one of `third`, two jobs at once each: every job ends exactly once, and all have done some.
pub(super) async fn three_runners_share_the_work(third: &Kind) {
    let world = World::new().await;
    let rust = kind::rust();
    let names = ["one", "two", "three"];
    let started = [&rust, &rust, third].into_iter().zip(names);
    let _runners: Vec<_> = started.map(|(kind, name)| world.runner(kind, name, &["--concurrency", "2"])).collect();
    all_registered(&world, names.len()).await;

    let dataset = world.example("cardio", true).await;
    let mut jobs = Vec::new();
    for _ in 0..TRAININGS {
        for work in [&rust.quick, &third.quick] {
            jobs.push(world.train(work, &dataset).await);
        }
    }
    let mut done: BTreeMap<String, usize> = BTreeMap::new();
    let mut versions = BTreeSet::new();
    for job in &jobs {
        let ended = world.succeeded(job).await;
        assert_eq!(ended["attempt"], 1, "{ended}");
        versions.insert(ended["version"]["id"].as_str().unwrap().to_owned());
        *done.entry(ended["runner"]["name"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    let mut predictions = BTreeSet::new();
    for version in &versions {
        let job = world.client.predict(version, &dataset).await.unwrap();
        jobs.push(job);
    }
    for job in &jobs[2 * TRAININGS..] {
        let ended = world.succeeded(job).await;
        predictions.insert(ended["prediction"]["id"].as_str().unwrap().to_owned());
        *done.entry(ended["runner"]["name"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!((versions.len(), predictions.len()), (2 * TRAININGS, 2 * TRAININGS));
    assert_eq!(world.n_versions().await, 2 * TRAININGS);
    assert_eq!(done.keys().map(String::as_str).collect::<BTreeSet<_>>(), BTreeSet::from(names), "{done:?}");
    assert_eq!(done.values().sum::<usize>(), jobs.len());
}

async fn all_registered(world: &World, n: usize) {
    let query = "{ runners(first: 10) { nodes { status detectors { name } } } }";
    let look = async || {
        let nodes = world.ask(query, json!({})).await["runners"]["nodes"].clone();
        (nodes.as_array().unwrap().len() == n).then_some(())
    };
    eventually("the registration of all", look).await;
}
