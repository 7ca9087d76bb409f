//! The one place that decides which tables detectors see.

use crate::{ArtifactHeader, DetectorError, Frame, TextColumn};
use std::borrow::Cow;

/// Refuses a frame that cannot be learned from: fewer than 2 rows, no feature.
pub(crate) fn check_shape(frame: &Frame) -> Result<(), DetectorError> {
    match frame.n_rows() {
        0 => return Err(DetectorError::data("the table has no rows; training needs at least 2")),
        1 => return Err(DetectorError::data("the table has 1 row; training needs at least 2")),
        _ => {}
    }
    if frame.n_features() == 0 && frame.text().is_empty() {
        return Err(DetectorError::data("the table has no feature column: nothing but label and time columns"));
    }
    Ok(())
}

/// Refuses a frame whose columns are not those of training; returns it with them in the order of training. Columns of words
/// beyond those are passed over.
pub(crate) fn match_columns<'a>(frame: &'a Frame, header: &ArtifactHeader) -> Result<Cow<'a, Frame>, DetectorError> {
    if frame.n_rows() == 0 {
        return Err(DetectorError::data("the table has no rows to score"));
    }
    let (numbers, words) = (header.number_columns(), header.category_columns());
    if frame.n_features() == numbers.len()
        && let Some(frame) = frame.with_columns(&numbers, &words)
    {
        return Ok(frame);
    }
    let expected: Vec<&str> = numbers.iter().chain(&words).copied().collect();
    let text = frame.text().iter().map(TextColumn::name).filter(|name| words.contains(name));
    let got: Vec<&str> = frame.columns().iter().map(String::as_str).chain(text).collect();
    let missing: Vec<&str> = expected.iter().filter(|name| !got.contains(name)).copied().collect();
    let extra: Vec<&str> = got.iter().filter(|name| !expected.contains(name)).copied().collect();
    let mut faults = Vec::new();
    for (names, what) in [(missing, "missing"), (extra, "not expected")] {
        if !names.is_empty() {
            faults.push(format!("{what}: {}", names.iter().take(20).copied().collect::<Vec<_>>().join(", ")));
        }
    }
    Err(DetectorError::InputSchema {
        expected: expected.iter().map(ToString::to_string).collect(),
        got: got.iter().map(ToString::to_string).collect(),
        message: faults.join("; "),
    })
}

/// All values must be finite; the first column at fault is named, with its first row and how many there are.
pub(crate) fn check_values(frame: &Frame) -> Result<(), DetectorError> {
    // The usual case in one pass over memory; the search for the culprit only when there is one.
    if frame.as_slice().iter().all(|value| value.is_finite()) {
        return Ok(());
    }
    for (name, column) in frame.columns().iter().zip(frame.values().columns()) {
        let missing = column.iter().filter(|value| value.is_nan()).count();
        if missing == column.len() {
            return Err(DetectorError::data(format!(
                "column `{name}` has no value in any of the {missing} rows; remove the column"
            )));
        }
        if let Some(row) = column.iter().position(|value| value.is_nan()) {
            return Err(DetectorError::data(format!(
                "column `{name}` has {missing} missing {} (NaN), the first in row {}; name a `preprocessing.impute` or remove the rows first",
                if missing == 1 { "value" } else { "values" },
                row + 1
            )));
        }
        if let Some(row) = column.iter().position(|value| value.is_infinite()) {
            let count = column.iter().filter(|value| value.is_infinite()).count();
            return Err(DetectorError::data(format!(
                "column `{name}` has {count} infinite {}, the first in row {}; only finite numbers can be used",
                if count == 1 { "value" } else { "values" },
                row + 1
            )));
        }
    }
    Ok(())
}

/// A score that is not finite means that the arithmetic broke down; it must not become a label.
pub(crate) fn check_scores(scores: &[f64], n_rows: usize) -> Result<(), DetectorError> {
    if scores.len() != n_rows {
        return Err(DetectorError::numeric(format!("the detector gave {} scores for {n_rows} rows", scores.len())));
    }
    match scores.iter().position(|score| !score.is_finite()) {
        None => Ok(()),
        Some(row) => {
            let count = scores.iter().filter(|score| !score.is_finite()).count();
            Err(DetectorError::numeric(format!(
                "{count} of {n_rows} scores are not finite, the first in row {}; are there values of extreme size?",
                row + 1
            )))
        }
    }
}
