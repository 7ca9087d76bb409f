//! Stories of jobs that are stopped, and of runners and servers that end in the middle of one.

use std::process::{Command, ExitStatus, Stdio};

use serde_json::json;

use super::kind::{Kind, Work};
use super::world::World;
use crate::processes::{Process, eventually};

pub(super) async fn a_running_job_is_cancelled(kind: &Kind) {
    let world = World::new().await;
    let _runner = world.runner(kind, "one", &[]);
    let dataset = world.example("shuttle", false).await;
    let job = world.train(&kind.endless, &dataset).await;
    world.running(&job).await;
    let cancel = "mutation($id: ID!) { cancelJob(input: { id: $id }) { job { status } userErrors { code } } }";
    world.ask(cancel, json!({ "id": job })).await;
    let ended = world.ended(&job).await;
    assert_eq!((&ended["status"], &ended["attempt"]), (&json!("CANCELLED"), &json!(1)), "{ended}");
    // The runner is free again, and has done nothing with what it had.
    world.version(&kind.quick, &dataset).await;
    assert_eq!(world.n_versions().await, 1);
}

pub(super) async fn sigterm_drains_and_the_job_is_done_once(kind: &Kind) {
    let world = World::new().await;
    let mut first = world.runner(kind, "first", &[]);
    let job = start(&world, &kind.slow).await;
    terminate(&first);
    let _second = world.runner(kind, "second", &[]);
    assert!(exited(&mut first).await.success(), "a runner that was asked to end ends well");
    let ended = world.succeeded(&job).await;
    // Finished by the one that had it, or given back to the other.
    let expected = if ended["attempt"] == 1 { "first" } else { "second" };
    assert_eq!(ended["runner"]["name"], expected, "{ended}");
    assert_eq!(world.n_versions().await, 1);
}

/// Leases are longer than any test: only giving the job back, and no lease that ran out, makes it another's.
pub(super) async fn what_does_not_fit_into_the_drain_goes_to_another(kind: &Kind) {
    let world = World::with_leases(600).await;
    let drain = kind.drain_flag.expect("a kind with a flag for the drain");
    let mut first = world.runner(kind, "first", &[drain, "0"]);
    let job = start(&world, &kind.slow).await;
    terminate(&first);
    assert!(exited(&mut first).await.success());
    let given_back = world.job(&job).await;
    assert_eq!(given_back["status"], "QUEUED", "{given_back}");
    assert_eq!(given_back["error"]["code"], "RUNNER_SHUTDOWN");
    let _second = world.runner(kind, "second", &[]);
    let ended = world.succeeded(&job).await;
    assert_eq!((&ended["attempt"], &ended["runner"]["name"]), (&json!(2), &json!("second")), "{ended}");
    assert_eq!(world.n_versions().await, 1);
}

pub(super) async fn a_killed_runners_job_is_taken_over(kind: &Kind) {
    // Short, so that what a dead runner had is free again soon.
    let world = World::with_leases(6).await;
    let mut first = world.runner(kind, "first", &[]);
    let job = start(&world, &kind.slow).await;
    first.0.kill().unwrap();
    first.0.wait().unwrap();
    let _second = world.runner(kind, "second", &[]);
    let ended = world.succeeded(&job).await;
    assert_eq!((&ended["attempt"], &ended["runner"]["name"]), (&json!(2), &json!("second")), "{ended}");
    assert_eq!(world.n_versions().await, 1);
}

pub(super) async fn a_restarted_server_gets_the_result_once(kind: &Kind) {
    // Longer than a server needs to start on a busy machine: the runner waits, and keeps what it has.
    let mut world = World::with_leases(120).await;
    let _runner = world.runner(kind, "one", &[]);
    let job = start(&world, &kind.slow).await;
    world.restart_server();
    let ended = world.succeeded(&job).await;
    assert_eq!((&ended["attempt"], &ended["runner"]["name"]), (&json!(1), &json!("one")), "{ended}");
    assert_eq!(world.n_versions().await, 1);
    // And it goes on claiming.
    let again = start(&world, &kind.quick).await;
    world.succeeded(&again).await;
}

pub(super) async fn a_refused_token_ends_the_runner(kind: &Kind) {
    let world = World::new().await;
    let mut runner = world.runner_with(kind, "stranger", "nobodys-token", &[], Stdio::piped());
    assert!(!exited(&mut runner).await.success());
    let mut said = String::new();
    std::io::Read::read_to_string(&mut runner.0.stderr.take().unwrap(), &mut said).unwrap();
    assert!(said.to_lowercase().contains("token"), "{said}");
    assert!(!said.contains("nobodys-token"), "a token is not logged: {said}");
}

/// Queues a training on many rows and waits until it runs.
async fn start(world: &World, work: &Work) -> String {
    let dataset = world.example("shuttle", false).await;
    let job = world.train(work, &dataset).await;
    world.running(&job).await;
    job
}

fn terminate(process: &Process) {
    let line = format!("kill -TERM {}", process.0.id());
    assert!(Command::new("bash").args(["-c", &line]).status().unwrap().success());
}

async fn exited(process: &mut Process) -> ExitStatus {
    let process = std::cell::RefCell::new(process);
    eventually("the end of the process", async || process.borrow_mut().0.try_wait().unwrap()).await
}
