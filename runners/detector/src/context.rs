//! What a run gets from outside: the seed, the cancel flag and somewhere to report progress and what is worth noting.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::DetectorError;

/// The surroundings of one fit or one scoring. Cheap to make; borrow it everywhere.
pub struct Context<'a> {
    /// Where every random stream of the run starts. Added to the hyperparameter `random_state`, so that 0 (the usual
    /// value) leaves `random_state` alone in charge.
    pub seed: u64,
    /// Set to `true` from any thread to stop the run; detectors look at it once an iteration.
    pub cancel: Arc<AtomicBool>,
    /// Called with a fraction in 0..=1 and a short sentence. `Sync`, because worker threads report too.
    pub progress: &'a (dyn Fn(f64, &str) + Sync),
    /// Called with what is worth noting on the way.
    pub note: &'a (dyn Fn(Note<'_>) + Sync),
}

/// Something that a detector says while it runs, for the page of its job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Note<'a> {
    /// A value of a series, such as the loss after each epoch (`step`). NaN and infinities are fine.
    Metric { key: &'a str, value: f64, step: i64 },
    /// A line for the job's log; never rows of data.
    Log { level: LogLevel, message: &'a str },
}

/// How much a line of the log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

impl Context<'static> {
    /// A context that is never cancelled and whose progress nobody hears; for tests and command lines.
    pub fn quiet(seed: u64) -> Self {
        Self { seed, cancel: Arc::default(), progress: &ignore_progress, note: &ignore_note }
    }
}

impl Context<'_> {
    /// Errors with [`DetectorError::Cancelled`] once the cancel flag is set.
    pub fn check_cancelled(&self) -> Result<(), DetectorError> {
        if self.cancel.load(Ordering::Relaxed) { Err(DetectorError::Cancelled) } else { Ok(()) }
    }

    pub fn report(&self, fraction: f64, message: &str) {
        (self.progress)(fraction.clamp(0.0, 1.0), message);
    }

    /// Notes a measured value, to be seen while the run goes on. Those of the result are told with the result.
    pub fn metric(&self, key: &str, value: f64, step: i64) {
        (self.note)(Note::Metric { key, value, step });
    }

    /// Notes a line for the job's log.
    pub fn log(&self, level: LogLevel, message: &str) {
        (self.note)(Note::Log { level, message });
    }

    /// The same context whose notes nobody hears: for fits whose course is not that of the model.
    pub(crate) fn without_notes(&self) -> Context<'_> {
        Context { seed: self.seed, cancel: Arc::clone(&self.cancel), progress: self.progress, note: &ignore_note }
    }

    /// The same context whose reports fill only `from..=to` of the whole.
    pub(crate) fn span<T>(&self, from: f64, to: f64, run: impl FnOnce(&Context<'_>) -> T) -> T {
        let progress = |fraction: f64, message: &str| self.report(from + (to - from) * fraction, message);
        run(&Context { seed: self.seed, cancel: Arc::clone(&self.cancel), progress: &progress, note: self.note })
    }
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("seed", &self.seed).field("cancel", &self.cancel).finish_non_exhaustive()
    }
}

/// A progress function that hears nothing.
pub fn ignore_progress(_fraction: f64, _message: &str) {}

/// A note function that hears nothing.
pub fn ignore_note(_note: Note<'_>) {}
