//! From many reports of a detector to few reports to the server.

use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;

/// Twice a second is as live as a person can see; detectors report as often as they like.
pub(crate) const EVERY: Duration = Duration::from_millis(500);

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Progress {
    /// From 0 to 1.
    pub(crate) fraction: f64,
    pub(crate) message: String,
    /// Metrics that were noted so far: more of them is news, too.
    pub(crate) noted: u64,
}

/// Sends the latest of `updates`, at most once in `every`; what was overtaken is dropped. Never ends by itself.
pub(crate) async fn forward<F>(mut updates: watch::Receiver<Progress>, every: Duration, send: impl Fn(Progress) -> F)
where
    F: Future<Output = ()>,
{
    while updates.changed().await.is_ok() {
        let latest = updates.borrow_and_update().clone();
        send(latest).await;
        tokio::time::sleep(every).await;
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_latest_wins_and_nothing_is_sent_twice() {
        let (sender, receiver) = watch::channel(Progress::default());
        let (sent, started) = (RefCell::new(Vec::new()), Instant::now());
        let report = async {
            // 100 reports in 990 ms: 0 ms, then the latest at 500 ms and at 1000 ms.
            for idx in 0..100 {
                sender.send_replace(Progress { fraction: f64::from(idx) / 100.0, message: "fitting".into(), noted: 0 });
                sleep(Duration::from_millis(10)).await;
            }
            sleep(Duration::from_secs(5)).await;
        };
        let send = |progress: Progress| {
            sent.borrow_mut().push((started.elapsed().as_millis(), (progress.fraction * 100.0).round() as i32));
            async {}
        };
        tokio::select! {
            () = report => {}
            () = forward(receiver, EVERY, send) => {}
        }
        let sent = sent.into_inner();
        assert_eq!(sent.len(), 3, "{sent:?}");
        assert_eq!((sent[0], sent[2].1), ((0, 0), 99), "{sent:?}");
        assert!(sent.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 500), "{sent:?}");
    }
}
