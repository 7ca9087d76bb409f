//! What a job says while it runs, on its way to the server: lines of its log and live metrics, few calls for many notes.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nunatak_client::ClientError;
use nunatak_client::runner::{LiveMetricInput, LogLevel, LogLineInput};
use nunatak_client::scalars::DateTime;
use nunatak_detector::{LogLevel as DetectorLevel, Note};

use crate::results;

/// A page that shows a log looks live; a chatty detector makes one call a second.
const EVERY: Duration = Duration::from_secs(1);
/// The server takes so many at once.
const LINES_AT_ONCE: usize = 500;
const METRICS_AT_ONCE: usize = 100;
/// As many as the server keeps of an attempt.
const MAX_LINES: usize = 10_000;
/// Values that wait while the server is away; the oldest make room.
const MAX_METRICS: usize = 10_000;

/// Clones are the same journal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal(Arc<Mutex<Pages>>);

#[derive(Debug, Default)]
struct Pages {
    /// Lines that were sent, or are on their way.
    sent: usize,
    lines: VecDeque<LogLineInput>,
    metrics: VecDeque<LiveMetricInput>,
}

impl Journal {
    pub(crate) fn note(&self, note: Note<'_>) {
        match note {
            Note::Log { level, message } => self.log(level_of(level), message),
            Note::Metric { key, value, step } => self.metric(results::live_metric(key.to_owned(), value, step)),
        }
    }

    /// Adds a line; past the most that are kept only one that says so.
    pub(crate) fn log(&self, level: LogLevel, message: &str) {
        let mut pages = self.pages();
        let message = match pages.sent + pages.lines.len() {
            count if count < MAX_LINES - 1 => message,
            count if count == MAX_LINES - 1 => "further lines are not kept",
            _ => return,
        };
        pages.lines.push_back(LogLineInput { at: now(), level, message: message.to_owned() });
    }

    fn metric(&self, metric: LiveMetricInput) {
        let mut pages = self.pages();
        if pages.metrics.len() >= MAX_METRICS {
            pages.metrics.pop_front();
        }
        pages.metrics.push_back(metric);
    }

    pub(crate) fn has_metrics(&self) -> bool {
        !self.pages().metrics.is_empty()
    }

    /// The next metrics to tell, oldest first.
    pub(crate) fn take_metrics(&self) -> Vec<LiveMetricInput> {
        let mut pages = self.pages();
        let count = pages.metrics.len().min(METRICS_AT_ONCE);
        pages.metrics.drain(..count).collect()
    }

    /// Puts back what did not arrive.
    pub(crate) fn restore_metrics(&self, metrics: Vec<LiveMetricInput>) {
        let mut pages = self.pages();
        for metric in metrics.into_iter().rev() {
            pages.metrics.push_front(metric);
        }
    }

    /// Sends the lines that there are, by `send` (offset, lines); what does not arrive stays for the next time.
    pub(crate) async fn flush<F>(&self, send: impl Fn(i64, Vec<LogLineInput>) -> F) -> Result<(), ClientError>
    where
        F: Future<Output = Result<(), ClientError>>,
    {
        loop {
            let (offset, lines): (usize, Vec<_>) = {
                let pages = self.pages();
                (pages.sent, pages.lines.iter().take(LINES_AT_ONCE).cloned().collect())
            };
            if lines.is_empty() {
                return Ok(());
            }
            let count = lines.len();
            send(i64::try_from(offset).unwrap_or(i64::MAX), lines).await?;
            let mut pages = self.pages();
            pages.lines.drain(..count);
            pages.sent += count;
        }
    }

    /// Flushes now and then; never ends by itself. Whether the attempt is over, others find out.
    pub(crate) async fn forward<F>(&self, send: impl Fn(i64, Vec<LogLineInput>) -> F)
    where
        F: Future<Output = Result<(), ClientError>>,
    {
        loop {
            tokio::time::sleep(EVERY).await;
            if let Err(error) = self.flush(&send).await {
                tracing::debug!(%error, "lines of the log did not come through");
            }
        }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        // Every change under the lock is whole, whatever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The runner's own clock: the page shows when it was written there.
#[expect(clippy::disallowed_methods, reason = "a line of a log carries the time at which it was written")]
fn now() -> DateTime {
    std::time::SystemTime::now().into()
}

fn level_of(level: DetectorLevel) -> LogLevel {
    match level {
        DetectorLevel::Debug => LogLevel::Debug,
        DetectorLevel::Info => LogLevel::Info,
        DetectorLevel::Warn => LogLevel::Warn,
        DetectorLevel::Error => LogLevel::Error,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[tokio::test]
    async fn lines_are_sent_in_order_and_again_when_they_did_not_arrive() {
        let (journal, sent) = (Journal::default(), RefCell::new(Vec::new()));
        (0..700).for_each(|line| journal.log(LogLevel::Info, &line.to_string()));
        let refuse = async |_: i64, _: Vec<LogLineInput>| Err(ClientError::Unreachable { message: "away".into() });
        assert!(journal.flush(refuse).await.is_err());
        let accept = async |offset: i64, lines: Vec<LogLineInput>| {
            sent.borrow_mut().push((offset, lines.len(), lines[0].message.clone()));
            Ok(())
        };
        journal.flush(accept).await.unwrap();
        assert_eq!(sent.take(), [(0, 500, "0".to_owned()), (500, 200, "500".to_owned())]);
    }

    #[tokio::test]
    async fn a_chatty_detector_is_cut_short_and_told_so() {
        let (journal, last) = (Journal::default(), RefCell::new(String::new()));
        (0..20_000).for_each(|_| journal.note(Note::Log { level: DetectorLevel::Debug, message: "again" }));
        let accept = async |_: i64, mut lines: Vec<LogLineInput>| {
            last.replace(lines.pop().unwrap().message);
            Ok(())
        };
        journal.flush(accept).await.unwrap();
        assert_eq!((journal.pages().sent, last.take().as_str()), (MAX_LINES, "further lines are not kept"));
    }

    #[test]
    fn metrics_wait_in_order_and_the_oldest_make_room() {
        let journal = Journal::default();
        (0..10_050).for_each(|step| journal.note(Note::Metric { key: "loss", value: 0.5, step }));
        let first = journal.take_metrics();
        assert_eq!((first.len(), i64::from(first[0].step)), (100, 50));
        journal.restore_metrics(first);
        assert_eq!(i64::from(journal.take_metrics()[0].step), 50);
    }
}
