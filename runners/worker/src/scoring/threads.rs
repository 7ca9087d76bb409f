//! The threads that score: models that have something to do wait in one line, whichever thread is free takes the first.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use rayon::ThreadPoolBuilder;

/// Something to do for a thread; what is left of it goes to the end of the line.
pub(super) trait Work: Send + Sync + 'static {
    /// Does a part of it; whether there is more.
    fn part(&self) -> bool;
}

/// Ends its threads when it is dropped.
pub(super) struct Threads<W: Work> {
    line: Arc<Line<W>>,
    pub(super) count: usize,
}

struct Line<W> {
    waiting: Mutex<Waiting<W>>,
    changed: Condvar,
}

struct Waiting<W> {
    work: VecDeque<Arc<W>>,
    closed: bool,
}

impl<W: Work> Threads<W> {
    pub(super) fn start(count: usize) -> std::io::Result<Self> {
        let waiting = Mutex::new(Waiting { work: VecDeque::new(), closed: false });
        let line = Arc::new(Line { waiting, changed: Condvar::new() });
        let threads = Self { line: Arc::clone(&line), count };
        for place in 0..count {
            let line = Arc::clone(&line);
            std::thread::Builder::new().name(format!("score-{place}")).spawn(move || line.run())?;
        }
        Ok(threads)
    }

    pub(super) fn add(&self, work: Arc<W>) {
        self.line.add(work);
    }
}

impl<W: Work> Line<W> {
    fn add(&self, work: Arc<W>) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).work.push_back(work);
        self.changed.notify_one();
    }

    fn run(&self) {
        // Detectors go parallel over blocks of rows. With a pool that is this very thread, a few rows are not handed to
        // other threads and waited for, which takes longer than scoring them.
        let alone = ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
        if let Err(error) = &alone {
            tracing::warn!(%error, "a scoring thread has no pool of its own; it shares that of the process");
        }
        while let Some(work) = self.next() {
            if work.part() {
                self.add(work);
            }
        }
    }

    fn next(&self) -> Option<Arc<W>> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = |waiting: &mut Waiting<W>| waiting.work.is_empty() && !waiting.closed;
        let mut waiting = self.changed.wait_while(waiting, idle).unwrap_or_else(PoisonError::into_inner);
        waiting.work.pop_front()
    }
}

impl<W: Work> Drop for Threads<W> {
    fn drop(&mut self) {
        self.line.waiting.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.line.changed.notify_all();
    }
}

impl<W: Work> fmt::Debug for Threads<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Threads").field("count", &self.count).finish_non_exhaustive()
    }
}
