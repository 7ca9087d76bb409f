//! What holds for scores.

use ndarray::Array2;

use super::data::{named, scattered, with_cells};
use super::{Break, Promise, Subject, broken, not_applicable, table};
use crate::{DetectorError, Frame, InputKind, evaluation};

pub(super) const FINITE: Promise = Promise {
    name: "finite",
    says: "scores constant columns and duplicated rows with finite numbers",
    keep: is_finite,
};

pub(super) const TWO_ROWS: Promise =
    Promise { name: "two_rows", says: "learns from two rows, or says why it does not", keep: copes_with_two_rows };

pub(super) const HIGHER: Promise =
    Promise { name: "higher", says: "scores rows that are far out higher than the others", keep: is_higher };

pub(super) const ROW_ALONE: Promise =
    Promise { name: "row_alone", says: "scores a row by itself as in a batch, bit for bit", keep: is_row_alone };

pub(super) const MISSING: Promise = Promise {
    name: "missing",
    says: "has rows with missing or infinite values refused by the name of their column",
    keep: refuses_missing,
};

pub(super) const BY_NAME: Promise = Promise {
    name: "by_name",
    says: "has columns matched by name, in any order, and refuses others",
    keep: matches_by_name,
};

pub(super) const HUGE: Promise = Promise {
    name: "huge",
    says: "scores values of extreme size and copies of columns with finite numbers, or refuses them",
    keep: copes_with_huge,
};

fn is_finite(subject: &Subject<'_>) -> Result<(), Break> {
    let constant = named(&["a", "b"], Array2::from_elem((60, 2), 3.5), None);
    let duplicates = named(&["a"], Array2::from_shape_fn((300, 1), |(row, _)| f64::from(row > 290)), None);
    for (what, frame) in [("the table", &table(300)), ("constant columns", &constant), ("duplicates", &duplicates)] {
        if subject.is_supervised() && frame.target().is_none() {
            match subject.train(frame) {
                Err(DetectorError::Data { message }) if message.contains("classes") => continue,
                other => return broken(format!("{what} without classes were not refused: {:?}", other.err())),
            }
        }
        let trained = subject.train(frame)?;
        let scores = subject.score(&trained.artifact, frame)?;
        if let Some(row) = trained.scores.iter().chain(&scores).position(|score| !score.is_finite()) {
            return broken(format!("{what}: row {} has a score that is not finite", row % frame.n_rows() + 1));
        }
    }
    Ok(())
}

fn copes_with_two_rows(subject: &Subject<'_>) -> Result<(), Break> {
    // With the detector's own settings, as those for a test may be for more rows.
    match crate::train(subject.detector, &table(2), &serde_json::Value::Null, &crate::Context::quiet(0)) {
        Ok(trained) if trained.scores.len() == 2 => Ok(()),
        Ok(trained) => broken(format!("two rows have {} scores", trained.scores.len())),
        Err(DetectorError::Hyperparameter { .. } | DetectorError::Data { .. }) => Ok(()),
        Err(error) => broken(format!("an error that says neither what of the data nor of the settings: {error}")),
    }
}

/// Half is what guessing gives. A sign the wrong way round gives nearly none of it. In a series single rows that are far out
/// alike are alike: what looks for a stretch that comes but once passes them over.
fn is_higher(subject: &Subject<'_>) -> Result<(), Break> {
    let frame = scattered(400);
    let scores = subject.train_quickly(&frame)?.scores;
    let labels = frame.labels().unwrap_or_default();
    let least = if subject.detector.spec().input_kind == InputKind::Series { 0.2 } else { 0.5 };
    match evaluation::roc_auc(&scores, labels) {
        Some(auc) if auc < least => broken(format!(
            "the rows that are far out score lower than the others (ROC AUC {auc:.2}): is the sign of the score right?"
        )),
        _ => Ok(()),
    }
}

fn is_row_alone(subject: &Subject<'_>) -> Result<(), Break> {
    if subject.detector.spec().input_kind == InputKind::Series {
        return not_applicable("the rows of a series are scored in the light of their neighbours");
    }
    let fresh = table(700);
    let model = subject.model(&subject.train_quickly(&table(300))?.artifact)?;
    let score = |frame: &Frame| model.score(frame, &crate::Context::quiet(0));
    let batch = score(&fresh)?;
    for row in (0..fresh.n_rows()).step_by(13) {
        let alone = score(&fresh.slice_rows(row..row + 1))?[0];
        if alone.to_bits() != batch[row].to_bits() {
            return broken(format!("row {} scores {alone} alone and {} in a batch", row + 1, batch[row]));
        }
    }
    Ok(())
}

fn refuses_missing(subject: &Subject<'_>) -> Result<(), Break> {
    let frame = table(300);
    let artifact = subject.train_quickly(&frame)?.artifact;
    for (value, what) in [(f64::NAN, "2 missing values (NaN)"), (f64::INFINITY, "2 infinite values")] {
        let expected = format!("column `b` has {what}, the first in row 42");
        let gappy = with_cells(&frame, 1, [41, 52], value);
        let (fitting, scoring) = (subject.train(&gappy).err(), subject.score(&artifact, &gappy).err());
        for (when, error) in [("training", fitting), ("scoring", scoring)] {
            let message = error.map(|error| error.to_string());
            if message.as_ref().is_none_or(|message| !message.starts_with(&expected)) {
                return broken(format!("{when}: expected \"{expected}…\", got {message:?}"));
            }
        }
    }
    Ok(())
}

fn matches_by_name(subject: &Subject<'_>) -> Result<(), Break> {
    let frame = table(300);
    let artifact = subject.train_quickly(&frame)?.artifact;
    let with = |names: &[&str], order: &[usize]| {
        let values = frame.values().select(ndarray::Axis(1), order);
        subject.score(&artifact, &named(names, values, None))
    };
    if with(&["d", "constant", "b", "a"], &[3, 2, 1, 0])? != subject.score(&artifact, &frame)? {
        return broken("columns in another order have other scores");
    }
    for (names, order, fault) in [
        (&["a", "b", "constant"][..], &[0, 1, 2][..], "missing: d"),
        (&["a", "b", "constant", "d", "e"], &[0, 1, 2, 3, 3], "not expected: e"),
        (&["a", "b", "constant", "x"], &[0, 1, 2, 3], "missing: d; not expected: x"),
    ] {
        match with(names, order) {
            Err(error) if error.code() == "INPUT_SCHEMA" && error.to_string().ends_with(fault) => {}
            other => return broken(format!("the columns {names:?} were not refused: {:?}", other.err())),
        }
    }
    Ok(())
}

fn copes_with_huge(subject: &Subject<'_>) -> Result<(), Break> {
    let values = Array2::from_shape_fn((200, 3), |(row, column)| {
        let x = (row as f64 * 0.31).sin() + (row * row % 17) as f64 * 0.1;
        if column == 2 { x * 1e300 } else { x }
    });
    let labels = (0..200).map(|row| u8::from(row % 25 == 7)).collect();
    // An error that says so is as good as a score; a score that is not finite is neither.
    match subject.train(&named(&["a", "copy", "huge"], values, Some(labels))) {
        Ok(trained) if !trained.scores.iter().all(|score| score.is_finite()) => broken("a score is not finite"),
        _ => Ok(()),
    }
}
