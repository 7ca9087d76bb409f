use super::{Fault, Proxy, World};
use crate::processes::Process;

/// Where a runner is killed: what the proxy does, and the call at which it happens. The second call of a list keeps a
/// runner from going on to the next stage.
struct Stage {
    name: &'static str,
    rules: &'static [(&'static str, Fault)],
    at: &'static str,
}

const fn stage(name: &'static str, rules: &'static [(&'static str, Fault)], at: &'static str) -> Stage {
    Stage { name, rules, at }
}

const TRAIN: [Stage; 6] = [
    stage("claimed", &[("GET /datasets", Fault::Before)], "GET /datasets"),
    stage("fetching", &[("GET /datasets", Fault::HalfAnswered)], "GET /datasets"),
    stage("computing", &[("CreateUpload", Fault::Before)], "ReportProgress"),
    stage("uploading", &[("PUT /uploads", Fault::HalfSent)], "PUT /uploads"),
    stage("uploaded", &[("CompleteJob", Fault::Before)], "CompleteJob"),
    stage("completing", &[("CompleteJob", Fault::After)], "CompleteJob"),
];

const PREDICT: [Stage; 6] = [
    stage("claimed", &[("GET /datasets", Fault::Before)], "GET /datasets"),
    stage("fetching", &[("GET /models", Fault::HalfAnswered)], "GET /models"),
    stage("computing", &[("GET /models", Fault::Delivered), ("CreateUpload", Fault::Before)], "GET /models"),
    stage("uploading", &[("PUT /uploads", Fault::HalfSent)], "PUT /uploads"),
    stage("uploaded", &[("CompleteJob", Fault::Before)], "CompleteJob"),
    stage("completing", &[("CompleteJob", Fault::After)], "CompleteJob"),
];

/// A runner for each stage, each behind its own proxy.
async fn runners(world: &World, kind: &str, stages: &[Stage]) -> Vec<(Proxy, Process)> {
    let mut runners = Vec::new();
    for stage in stages {
        let proxy = world.proxy().await;
        proxy.arrange(stage.rules);
        let runner = world.runner(&format!("{kind}-{}", stage.name), &proxy.url);
        runners.push((proxy, runner));
    }
    runners
}

/// Waits until each runner has come to its stage with one of the jobs, and kills it there; then another one does the rest.
async fn kill_each(world: &World, stages: &[Stage], runners: Vec<(Proxy, Process)>, jobs: &[String]) {
    for (stage, (proxy, runner)) in stages.iter().zip(runners) {
        match stage.rules.iter().any(|(name, _)| *name == stage.at) {
            true => proxy.reached(stage.at).await,
            false => proxy.came(stage.at, 1).await,
        }
        drop(runner);
    }
    let _survivor = world.runner("survivor", &world.url);
    let mut attempts = Vec::new();
    for job in jobs {
        attempts.push(world.succeeded(job).await.attempt);
    }
    attempts.sort_unstable();
    let again = attempts.iter().filter(|attempt| **attempt > 1).count();
    assert_eq!((attempts[0], again), (1, 5), "only what had been completed was not done again: {attempts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_killed_at_any_stage_of_a_training_or_a_prediction_loses_nothing() {
    let world = World::with_short_leases().await;
    let killed = runners(&world, "train", &TRAIN).await;
    let mut trainings = Vec::new();
    for _ in TRAIN {
        trainings.push(world.train().await);
    }
    kill_each(&world, &TRAIN, killed, &trainings).await;

    let version = world.job(&trainings[0]).await.version.unwrap().id;
    let killed = runners(&world, "predict", &PREDICT).await;
    let mut predictions = Vec::new();
    for _ in PREDICT {
        predictions.push(world.client.predict(&version, &world.dataset).await.unwrap());
    }
    kill_each(&world, &PREDICT, killed, &predictions).await;
    world.aftermath().await;
}
