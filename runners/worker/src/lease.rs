//! Keeping a claim: a sign of life now and then, and noticing when the claim is gone.

use std::future::Future;
use std::time::Duration;

use nunatak_client::ClientError;
use nunatak_client::runner::Registration;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::failure::is_lease_lost;
use crate::stop::{Stop, StopSignal};

/// A job of a moment is over before anybody wants it cancelled: it costs no call.
const FIRST: Duration = Duration::from_millis(250);

/// Keeps one call of `beat` open, which the server answers at once when the job is to be cancelled and else after the time
/// that it is given; turns the answers into reasons to stop; never ends by itself.
///
/// The lease is counted on our own clock from before each successful call, so that we never believe in it longer than the
/// server does.
pub(crate) async fn keep<F>(registration: &Registration, stop: &StopSignal, beat: impl Fn(Duration) -> F)
where
    F: Future<Output = Result<bool, ClientError>>,
{
    // Half a beat waiting and half a beat of patience: a single dead connection does not use up the lease.
    let wait = registration.heartbeat / 2;
    let mut expires = Instant::now() + registration.lease;
    let mut next = Instant::now() + FIRST.min(wait);
    while stop.reason() != Some(Stop::LeaseLost) {
        sleep_until(expires.min(next)).await;
        let sent = Instant::now();
        let limit = expires.min(sent + registration.heartbeat);
        let came_through = match timeout_at(limit, beat(wait)).await {
            Ok(answer) => heed(answer, stop),
            Err(_) => false,
        };
        if came_through {
            expires = sent + registration.lease;
            // An answer that came early (nothing is waited for once a cancel was asked for) is not asked for at once again.
            next = sent + wait;
        } else {
            next = Instant::now() + registration.heartbeat / 4;
        }
        if Instant::now() >= expires {
            tracing::warn!(lease_s = registration.lease.as_secs(), "no heartbeat came through for a whole lease");
            stop.stop(Stop::LeaseLost);
        }
    }
    std::future::pending().await
}

/// Acts on the answer to a heartbeat or a progress report; whether it prolonged the lease.
pub(crate) fn heed(answer: Result<bool, ClientError>, stop: &StopSignal) -> bool {
    match answer {
        Ok(cancel_requested) => {
            if cancel_requested {
                stop.stop(Stop::Cancelled);
            }
            return true;
        }
        // NOT_FOUND: the project was deleted, or this token is for another attempt.
        Err(error) if is_lease_lost(&error) || error.has_code("NOT_FOUND") => stop.stop(Stop::LeaseLost),
        Err(error) => tracing::warn!(%error, "a sign of life did not come through"),
    }
    false
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use nunatak_client::UserError;

    use super::*;

    fn registration() -> Registration {
        Registration { runner: "r".into(), lease: Duration::from_secs(60), heartbeat: Duration::from_secs(20) }
    }

    fn lost() -> ClientError {
        ClientError::UserErrors(vec![UserError { code: "LEASE_LOST".into(), message: String::new(), path: vec![] }])
    }

    fn unreachable() -> ClientError {
        ClientError::Unreachable { message: "refused".into() }
    }

    /// Runs `keep` over `answers` (then fine for ever) until it stops; gives the reason and the seconds it took.
    async fn stops_after(answers: Vec<Result<bool, ClientError>>) -> (Option<Stop>, u64) {
        let (stop, started, answers) = (StopSignal::new(), Instant::now(), RefCell::new(answers.into_iter()));
        let beat = |_: Duration| {
            let answer = answers.borrow_mut().next().unwrap_or(Ok(false));
            async { answer }
        };
        let registration = registration();
        tokio::select! {
            () = keep(&registration, &stop, beat) => {}
            () = stop.stopped() => {}
            () = tokio::time::sleep(Duration::from_secs(500)) => {}
        }
        (stop.reason(), started.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn goes_on_while_answers_come_and_through_short_gaps() {
        assert_eq!(stops_after(vec![Ok(false), Err(unreachable()), Err(unreachable()), Ok(false)]).await.0, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_server_costs_the_lease_when_it_runs_out() {
        let silent = (0..20).map(|_| Err(unreachable())).collect();
        assert_eq!(stops_after(silent).await, (Some(Stop::LeaseLost), 60));
    }

    #[tokio::test(start_paused = true)]
    async fn the_server_can_cancel_and_take_away() {
        assert_eq!(stops_after(vec![Ok(false), Ok(true)]).await, (Some(Stop::Cancelled), 10));
        assert_eq!(stops_after(vec![Err(lost())]).await, (Some(Stop::LeaseLost), 0));
    }
}
