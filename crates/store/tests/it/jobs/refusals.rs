//! What a sweep is refused for, and what is chosen for it.

use nunatak_store::{
    Action, IdempotencyKey,
    sweeps::{Strategy, SweepDetector, SweepRequest, TrialOrder},
};
use serde_json::{Value, json};

use super::{
    sweeps::{forest, space, sweep},
    world::{CSV, World},
};

#[tokio::test]
async fn what_cannot_succeed_is_refused_at_its_place() {
    let world = World::new().await;
    world.two_detectors("one").await;
    let good = sweep(world.dataset(CSV).await, vec![forest(&[10])]);
    let with = |detector: SweepDetector| SweepRequest { detectors: vec![forest(&[10]), detector], ..good.clone() };
    let halving = |resource: &str| {
        let resource = resource.to_owned();
        let strategy = Strategy::SuccessiveHalving { trials: 9, eta: 3, resource, min: 1.0, max: 9.0 };
        SweepRequest { strategy, ..good.clone() }
    };
    let trees = |range: Value| with(space("extra_forest", json!({ "n_estimators": range })));
    let unlabelled = SweepRequest { datasets: vec![world.dataset("a,b\n1,2\n3,4\n").await], ..good.clone() };
    for (request, path, expected) in [
        (with(space("nobody", Value::Null)), "detectors/1/detector", "NOT_FOUND"),
        (trees(json!({ "values": [5, 0] })), "detectors/1/space/n_estimators/values/1", "OUT_OF_RANGE"),
        (trees(json!({ "min": 1, "max": 2000 })), "detectors/1/space/n_estimators/max", "OUT_OF_RANGE"),
        (trees(json!({ "values": ["x"] })), "detectors/1/space/n_estimators/values/0", "WRONG_TYPE"),
        (trees(json!({ "min": 1, "max": 900, "scale": "LOG" })), "detectors/1/space/n_estimators/steps", "REQUIRED"),
        (
            with(space("extra_forest", json!({ "k": { "values": [1] } }))),
            "detectors/1/space/k/values/0",
            "UNKNOWN_HYPERPARAMETER",
        ),
        (halving("n_trees"), "detectors/0/detector", "UNKNOWN_HYPERPARAMETER"),
        (halving("n_estimators"), "detectors/0/space/n_estimators", "DUPLICATE_KEY"),
        (SweepRequest { concurrency: 0, ..good.clone() }, "concurrency", "OUT_OF_RANGE"),
        (SweepRequest { datasets: vec![good.datasets[0]; 2], ..good.clone() }, "datasets/1", "DUPLICATE_KEY"),
        (unlabelled, "metric", "REQUIRED"),
    ] {
        let error = world.start(&request).await.unwrap_err();
        let problem = &error.problems()[0];
        assert_eq!((problem.path.join("/").as_str(), problem.code), (path, expected), "{}", problem.message);
    }
    let range = json!({ "n_estimators": { "min": 1, "max": 600 } });
    let large = SweepRequest {
        detectors: vec![space("isolation_forest", range.clone()), space("extra_forest", range)],
        ..good
    };
    let error = world.start(&large).await.unwrap_err().to_string();
    assert!(
        error.starts_with("the grid has 1200 trials: 600 of isolation_forest (600 n_estimators), 600 of"),
        "{error}"
    );
    assert_eq!(world.jobs().await, 0);
}

#[tokio::test]
async fn the_same_key_begins_one_sweep_and_the_same_seed_chooses_the_same() {
    let world = World::new().await;
    world.runner("one").await;
    let permit = world.may(&world.dev, Action::Train).await;
    let range = json!({ "n_estimators": { "min": 1, "max": 1000, "scale": "LOG" } });
    let detectors = vec![space("isolation_forest", range)];
    let request = SweepRequest {
        strategy: Strategy::Random { trials: 8 },
        seed: 42,
        ..sweep(world.dataset(CSV).await, detectors)
    };
    let key = IdempotencyKey::new("once".into(), &request).unwrap();
    let first = world.store.start_sweep(&permit, None, &request, Some(&key)).await.unwrap().id;
    let again = world.store.start_sweep(&permit, None, &request, Some(&key)).await.unwrap().id;
    assert_eq!((first, world.jobs().await), (again, 4));
    let other = world.start(&request).await.unwrap().id;
    let chosen = async |id| {
        let board = world.board(id, TrialOrder::Number).await;
        board.into_iter().map(|trial| trial.hyperparameters).collect::<Vec<_>>()
    };
    assert_eq!(chosen(first).await, chosen(other).await);
    let different = world.start(&SweepRequest { seed: 43, ..request }).await.unwrap().id;
    assert_ne!(chosen(first).await, chosen(different).await);
}
