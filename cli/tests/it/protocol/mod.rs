//! What docs/runner-protocol.md promises, as stories that run against any runner process on a real server.
//!
//! [`stories`] are functions of a [`Kind`](kind::Kind): which program, which detectors it does something quick, something slow
//! and something endless with. A new kind of runner is a value in `kind.rs` and a line here; a new story is a function and
//! its name in the list below.
//!
//! The rows of the Python runner need an interpreter that has the package: the one that `NUNATAK_TEST_PYTHON` names, or
//! the one in `target/python`, which `cargo xtask test` makes beforehand. Without either they are left out, and
//! `which_rows_run` says so.

mod ends;
mod jobs;
mod kind;
mod python;
mod shared;
mod world;

/// The stories, once for each kind. The word `process` in the modules' names puts them into the group of tests that share the
/// machine (`.config/nextest.toml`).
macro_rules! stories {
    ($($file:ident :: $story:ident,)*) => {
        mod rust_process {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $story() {
                super::$file::$story(&super::kind::rust()).await;
            })*
        }

        mod python_process {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $story() {
                match super::kind::python() {
                    Some(kind) => super::$file::$story(&kind).await,
                    None => eprintln!("LEFT OUT: {}", super::python::HINT),
                }
            })*
        }
    };
}

stories! {
    jobs::it_registers_its_catalogue,
    jobs::a_training_becomes_a_version_with_a_file,
    jobs::a_second_runner_gives_the_same_scores,
    jobs::an_evaluation_keeps_metrics_and_no_scores,
    jobs::labels_choose_the_runner,
    jobs::data_that_cannot_be_used_fails_once_with_a_sentence,
    ends::a_running_job_is_cancelled,
    ends::sigterm_drains_and_the_job_is_done_once,
    ends::a_killed_runners_job_is_taken_over,
    ends::a_restarted_server_gets_the_result_once,
    ends::a_refused_token_ends_the_runner,
    shared::three_runners_share_the_work,
}

/// Only the built-in runner has the flag.
#[tokio::test(flavor = "multi_thread")]
async fn rust_process_gives_back_at_once_what_does_not_fit_into_the_drain() {
    ends::what_does_not_fit_into_the_drain_goes_to_another(&kind::rust()).await;
}

#[test]
fn which_rows_run() {
    match python::interpreter() {
        Some(path) => println!("protocol tests of the Python runner: with {}", path.display()),
        None => println!("protocol tests of the Python runner: LEFT OUT: {}", python::HINT),
    }
}
