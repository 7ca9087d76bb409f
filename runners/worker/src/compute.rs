//! The CPU-bound part of a job: off the async threads, on threads of its own, and no panic gets out.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rayon::ThreadPoolBuilder;
use tokio::sync::oneshot;

use crate::failure::Failure;
use crate::stop::StopSignal;

/// Runs `work` inside a pool of `threads` threads.
///
/// Waits until the work has ended even when it was told to stop, so that a worker never computes more jobs than it may.
/// Only a shutdown does not wait: the process is about to end anyway.
pub(crate) async fn run<T: Send + 'static>(
    threads: usize,
    stop: &StopSignal,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|idx| format!("job-{idx}"))
        .build()
        .map_err(|_| Failure::retry("THREADS", "The runner could not start the threads for the job."))?;
    let (sender, receiver) = oneshot::channel();
    // `spawn` and not `spawn_blocking` + `install`: tokio would wait for a blocking thread when the process ends.
    pool.spawn(move || {
        // Nothing of `work` is used after a panic, so that no broken state can be seen.
        let _ = sender.send(catch_unwind(AssertUnwindSafe(work)));
    });
    tokio::select! {
        biased;
        result = receiver => match result {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => Err(panicked(panic.as_ref())),
            Err(_) => Err(panicked(&())),
        },
        () = stop.shut_down() => Err(Failure::Stopped),
    }
}

/// Not to be repeated: the same data would panic on every runner.
fn panicked(panic: &(dyn Any + Send)) -> Failure {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let text: String = text.unwrap_or("no message").chars().take(200).collect();
    Failure::fail("PANIC", format!("The detector stopped unexpectedly, which is a fault of the detector: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stop::Stop;

    #[tokio::test]
    async fn work_sees_the_threads_it_was_given() {
        let threads = run(3, &StopSignal::new(), || Ok(rayon::current_num_threads())).await;
        assert!(matches!(threads, Ok(3)));
    }

    #[tokio::test]
    async fn a_panic_becomes_a_final_failure() {
        let failure = run::<()>(1, &StopSignal::new(), || panic!("row {} of 3", 7)).await.unwrap_err();
        let Failure::Told(told) = failure else { panic!("{failure:?}") };
        assert_eq!((told.code.as_str(), told.retryable), ("PANIC", false));
        assert!(told.message.ends_with("row 7 of 3"));
    }

    #[tokio::test]
    async fn a_shutdown_does_not_wait_for_the_work() {
        let (stop, (release, held)) = (StopSignal::new(), std::sync::mpsc::channel::<()>());
        stop.stop(Stop::Shutdown);
        let result = run(1, &stop, move || Ok(held.recv().is_ok())).await;
        assert!(matches!(result, Err(Failure::Stopped)));
        drop(release);
    }
}
