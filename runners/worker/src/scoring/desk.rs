//! A model in memory, and the questions that wait for it.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nunatak_detector::{Context, Model, RowReasons, RowScores};
use tokio::sync::oneshot;

use super::engine::Refusal;
use super::meter::Meter;
use super::request::{Answer, Explained, Table, frame_of};
use super::threads::Work;

/// Rows that are scored in one call at most: one request alone may have more.
const MOST_ROWS: usize = 4096;

/// A model, with the questions that wait for it.
#[derive(Debug)]
pub(super) struct Desk {
    model: Model,
    /// Of its file.
    pub(super) bytes: u64,
    alone: bool,
    waiting: Mutex<Waiting>,
    meter: Arc<Meter>,
}

#[derive(Debug, Default)]
struct Waiting {
    tickets: VecDeque<Ticket>,
    /// How many threads are at it, or will be.
    threads: usize,
}

/// A question, and where its answer goes.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) table: Table,
    pub(super) threshold: Option<f64>,
    pub(super) reasons: usize,
    pub(super) answer: oneshot::Sender<Result<Answer, Refusal>>,
}

impl Desk {
    pub(super) fn new(model: Model, bytes: u64, meter: Arc<Meter>) -> Self {
        Self { alone: model.scores_rows_alone(), model, bytes, waiting: Mutex::default(), meter }
    }

    /// Takes a question in; whether a further thread is needed, of which there are `threads`.
    pub(super) fn put(&self, ticket: Ticket, threads: usize) -> bool {
        let mut waiting = self.waiting();
        waiting.tickets.push_back(ticket);
        self.meter.waiting.inc();
        let needed = waiting.threads < threads;
        waiting.threads += usize::from(needed);
        needed
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next question, with those behind it that can be scored in the same call.
    fn next_batch(&self) -> Vec<Ticket> {
        let mut waiting = self.waiting();
        let mut batch: Vec<Ticket> = Vec::new();
        let mut rows = 0;
        while let Some(next) = waiting.tickets.front() {
            let joins = batch.first().is_none_or(|first| self.go_together(first, next));
            rows += next.table.count();
            if !joins || (rows > MOST_ROWS && !batch.is_empty()) {
                break;
            }
            batch.extend(waiting.tickets.pop_front());
        }
        self.meter.waiting.sub(batch.len() as i64);
        // Nobody waits for the others any more.
        batch.retain(|ticket| !ticket.answer.is_closed());
        batch
    }

    /// A row's score is the same whichever rows stand beside it, so this changes no answer.
    fn go_together(&self, first: &Ticket, next: &Ticket) -> bool {
        self.alone && first.reasons == 0 && next.reasons == 0 && first.table.is_like(&next.table)
    }

    fn score(&self, tables: &[&Table], threshold: Option<f64>, reasons: bool) -> Result<RowScores, Refusal> {
        let run = || {
            let frame = frame_of(tables)?;
            self.model.score_rows(&frame, threshold, reasons, &Context::quiet(0))
        };
        // Nothing of the run is used after a panic, so that no broken state can be seen.
        let scored = catch_unwind(AssertUnwindSafe(run)).map_err(|panic| panicked(panic.as_ref()))??;
        self.meter.scored(tables.len(), scored.scores.len());
        Ok(scored)
    }

    fn answer_each(&self, batch: Vec<Ticket>) {
        for ticket in batch {
            let scored = self.score(&[&ticket.table], ticket.threshold, ticket.reasons > 0);
            let answer = scored.map(|scored| answer(scored, ticket.reasons));
            // An error says that nobody waits any more.
            let _ = ticket.answer.send(answer);
        }
    }

    fn answer_together(&self, batch: Vec<Ticket>) {
        let tables: Vec<&Table> = batch.iter().map(|ticket| &ticket.table).collect();
        // One question's fault must not become the others': each is scored by itself then, and told its own.
        let Ok(scored) = self.score(&tables, None, false) else { return self.answer_each(batch) };
        let own = self.model.header().threshold;
        let mut scores = scored.scores.as_slice();
        for ticket in batch {
            let (mine, rest) = scores.split_at(ticket.table.count());
            scores = rest;
            let threshold = ticket.threshold.unwrap_or(own);
            let _ = ticket.answer.send(Ok(Answer { scores: mine.to_vec(), threshold, reasons: Vec::new() }));
        }
    }
}

impl Work for Desk {
    fn part(&self) -> bool {
        let batch = self.next_batch();
        match batch.len() {
            0 => {}
            1 => self.answer_each(batch),
            _ => self.answer_together(batch),
        }
        let mut waiting = self.waiting();
        let more = !waiting.tickets.is_empty();
        waiting.threads -= usize::from(!more);
        more
    }
}

fn answer(scored: RowScores, reasons: usize) -> Answer {
    let explained = scored.reasons.as_ref().map(|found| explained(found, reasons)).unwrap_or_default();
    Answer { scores: scored.scores, threshold: scored.threshold, reasons: explained }
}

fn explained(found: &RowReasons, most: usize) -> Vec<Explained> {
    let rows = found.rows.iter().zip(found.column.iter().zip(&found.share));
    rows.map(|(row, (columns, shares))| {
        let named = columns.iter().zip(shares).filter_map(|(column, share)| {
            let column = found.columns.get(*column as usize)?;
            Some((column.clone(), *share))
        });
        Explained { row: *row as usize, because: named.take(most).collect() }
    })
    .collect()
}

fn panicked(panic: &(dyn Any + Send)) -> Refusal {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic.message = text.unwrap_or("no message"), "a detector panicked while it scored");
    Refusal::rows("NUMERIC", "The detector stopped unexpectedly, which is a fault of the detector.")
}
