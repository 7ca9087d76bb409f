//! What holds while a detector runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::{Break, Promise, Subject, broken, table};
use crate::{Context, DetectorError, train};

pub(super) const CANCELS: Promise =
    Promise { name: "cancels", says: "stops when it is cancelled, before and during a run", keep: cancels };

fn cancels(subject: &Subject<'_>) -> Result<(), Break> {
    let frame = table(3000);
    let run = |ctx: &Context<'_>| train(subject.detector, &frame, &subject.hyperparameters, ctx).err();
    let before = Context { cancel: Arc::new(AtomicBool::new(true)), ..Context::quiet(0) };
    if run(&before) != Some(DetectorError::Cancelled) {
        return broken("a run that was cancelled beforehand went on");
    }
    // The first report after the run began sets the flag.
    let cancel = Arc::new(AtomicBool::new(false));
    let reports = AtomicUsize::new(0);
    let progress = |_: f64, _: &str| cancel.store(reports.fetch_add(1, Ordering::Relaxed) > 0, Ordering::Relaxed);
    let during = Context { cancel: Arc::clone(&cancel), progress: &progress, ..Context::quiet(0) };
    match run(&during) {
        Some(DetectorError::Cancelled) => Ok(()),
        other => broken(format!("cancelled during the run it ended with {other:?}: call `Context::check_cancelled`")),
    }
}
