//! What holds for what a detector may offer: contributions, classes, streams.

use super::{Break, Promise, Subject, broken, not_applicable, table};
use crate::{Context, Reasons};

pub(super) const CONTRIBUTES: Promise = Promise {
    name: "contributes",
    says: "says what each feature contributed if its spec says that it does",
    keep: contributes,
};

pub(super) const CLASSIFIES: Promise =
    Promise { name: "classifies", says: "gives each row probabilities of classes that sum to 1", keep: classifies };

pub(super) const STREAMS: Promise = Promise {
    name: "streams",
    says: "scores rows that are pushed one by one as the whole, bit for bit",
    keep: streams,
};

fn contributes(subject: &Subject<'_>) -> Result<(), Break> {
    let frame = table(300);
    let model = subject.model(&subject.train_quickly(&frame)?.artifact)?;
    let rows = [0, 39, 120, 299];
    let found = model.fitted().contributions(&frame, &rows, &Context::quiet(0))?;
    let declared = subject.detector.spec().reasons;
    match found {
        None if declared == Reasons::LeaveOneFeatureOut => not_applicable("the caller leaves out each feature in turn"),
        None => broken(format!("the spec says {declared:?}, but `contributions` gives none")),
        Some(found) if found.dim() != (rows.len(), frame.n_features()) => broken(format!(
            "{:?} contributions for {} rows of {} features",
            found.dim(),
            rows.len(),
            frame.n_features()
        )),
        Some(found) if found.iter().any(|share| !share.is_finite()) => broken("a contribution is not finite"),
        Some(_) => Ok(()),
    }
}

fn classifies(subject: &Subject<'_>) -> Result<(), Break> {
    if !subject.is_supervised() {
        return not_applicable("it learns without classes");
    }
    let frame = table(300);
    let model = subject.model(&subject.train_quickly(&frame)?.artifact)?;
    let Some(classified) = model.fitted().classify(&frame, &Context::quiet(0))? else {
        return broken("a supervised detector implements `classify`");
    };
    if classified.probabilities.dim() != (frame.n_rows(), classified.names.len()) {
        return broken(format!(
            "{:?} probabilities for {} classes",
            classified.probabilities.dim(),
            classified.names.len()
        ));
    }
    let is_off = |row: usize| (classified.probabilities.row(row).sum() - 1.0).abs() > 1e-9;
    match (0..frame.n_rows()).find(|row| is_off(*row)) {
        Some(row) => broken(format!("the probabilities of row {} do not sum to 1", row + 1)),
        None => Ok(()),
    }
}

fn streams(subject: &Subject<'_>) -> Result<(), Break> {
    let fresh = table(450);
    let model = subject.model(&subject.train_quickly(&table(300))?.artifact)?;
    let Some(mut stream) = model.fitted().stream() else {
        return not_applicable("it does not score row by row as they come");
    };
    let whole = model.fitted().score(&fresh, &Context::quiet(0))?;
    for (row, expected) in whole.iter().enumerate() {
        let pushed = stream.push(fresh.row(row));
        if pushed.to_bits() != expected.to_bits() {
            return broken(format!("row {} scores {pushed} when pushed and {expected} in the whole", row + 1));
        }
    }
    Ok(())
}
