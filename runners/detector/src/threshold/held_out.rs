//! Scores of rows by fits that did not see them.

use ndarray::Array2;

use super::{CalibrationRule, Options, Source};
use crate::random::shuffled;
use crate::{Classified, Context, Detector, DetectorError, Frame, Hyperparameters, InputKind, Learning, Target};

/// Above, one split serves as well as cross-fitting and costs one fit. The end of a series is like no other part of it, so
/// that a split stands for the whole less well.
const CROSS_FIT_ROWS: usize = 20_000;
const CROSS_FIT_SERIES_ROWS: usize = 100_000;
/// Rows held back by a split at most: enough for a rate of one in ten thousand.
const SPLIT_ROWS: usize = 50_000;
/// With fewer, a part would be too small to learn from.
const MIN_ROWS: usize = 20;
/// Rows before and after a stretch that a series detector is given with it, so that its windows are whole.
const MARGIN: usize = 2_048;

/// Held-back rows and their scores.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HeldOut {
    /// Indices into the frame, ascending.
    pub(crate) rows: Vec<usize>,
    /// One for each of `rows`.
    pub(crate) scores: Vec<f64>,
    /// For supervised detectors, the probability of each class of the target for each of `rows`.
    pub(crate) probabilities: Vec<Vec<f64>>,
    pub(crate) source: Source,
}

impl HeldOut {
    /// What the fits took the rows to be, of the classes of `frame`; `None` for unsupervised detectors.
    pub(crate) fn classified(&self, frame: &Frame) -> Option<Classified> {
        let names = frame.target()?.names().to_vec();
        let flat: Vec<f64> = self.probabilities.iter().flatten().copied().collect();
        let shape = (self.rows.len(), names.len());
        let probabilities = Array2::from_shape_vec(shape, flat).ok().filter(|_| !self.rows.is_empty())?;
        Some(Classified { names, probabilities })
    }

    /// Of a series in equal steps, the rows that were there before, by their numbers of then.
    pub(crate) fn of_rows(mut self, places: &[usize]) -> Self {
        let mut then = std::collections::HashMap::new();
        places.iter().enumerate().for_each(|(row, place)| {
            then.insert(*place, row);
        });
        let mut kept: Vec<(usize, f64)> =
            self.rows.iter().zip(&self.scores).filter_map(|(place, score)| Some((*then.get(place)?, *score))).collect();
        kept.sort_unstable_by_key(|(row, _)| *row);
        (self.rows, self.scores) = kept.into_iter().unzip();
        self.probabilities.clear();
        self
    }
}

/// A part of the rows: scored by a fit on `learn`.
struct Part {
    learn: Vec<usize>,
    score: Vec<usize>,
}

/// Fits `detector` on parts of `frame` and scores the others. `None` when there are too few rows, or a part cannot be
/// learned from (a window longer than it).
pub(crate) fn held_out(
    detector: &dyn Detector,
    frame: &Frame,
    hyperparameters: &Hyperparameters,
    options: &Options,
    ctx: &Context<'_>,
) -> Result<Option<HeldOut>, DetectorError> {
    let spec = detector.spec();
    let n_rows = frame.n_rows();
    if n_rows < MIN_ROWS {
        return Ok(None);
    }
    let is_series = spec.input_kind == InputKind::Series;
    let cross = match options.calibration {
        CalibrationRule::Auto => n_rows <= if is_series { CROSS_FIT_SERIES_ROWS } else { CROSS_FIT_ROWS },
        CalibrationRule::CrossFit => true,
        CalibrationRule::Split => false,
    };
    // Neighbouring rows of a process resemble each other, time column or not: a row that is held back between two that are
    // not is hardly held back. A classifier needs every class in every part, which a stretch need not have.
    let in_stretches = is_series || spec.learning == Learning::Unsupervised;
    let parts = match (cross, is_series) {
        (true, true) => ends(n_rows, options.folds),
        (true, false) => folds(order(n_rows, in_stretches, ctx.seed), options.folds),
        (false, _) => vec![split(order(n_rows, in_stretches, ctx.seed))],
    };
    let n_parts = parts.len();
    let mut found: Vec<(usize, f64, Vec<f64>)> = Vec::new();
    for (i, part) in parts.into_iter().enumerate() {
        let (from, to) = (i as f64 / n_parts as f64, (i + 1) as f64 / n_parts as f64);
        let scored = ctx.span(from, to, |ctx| {
            if is_series {
                score_stretch(detector, frame, &part, hyperparameters, ctx)
            } else {
                score_part(detector, frame, &part, hyperparameters, spec.learning, ctx)
            }
        });
        match scored {
            Ok(scored) => found.extend(scored),
            // What a part is too small for is no fault of the whole.
            Err(DetectorError::Data { .. } | DetectorError::Hyperparameter { .. }) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    found.sort_unstable_by_key(|(row, ..)| *row);
    let finite = found.iter().all(|(_, score, _)| score.is_finite());
    if !finite {
        return Err(DetectorError::numeric(
            "held-back rows have scores that are not finite; are there extreme values?",
        ));
    }
    Ok(Some(HeldOut {
        rows: found.iter().map(|(row, ..)| *row).collect(),
        scores: found.iter().map(|(_, score, _)| *score).collect(),
        probabilities: found.into_iter().map(|(.., probabilities)| probabilities).collect(),
        source: if cross { Source::CrossFit } else { Source::Split },
    }))
}

fn score_part(
    detector: &dyn Detector,
    frame: &Frame,
    part: &Part,
    hyperparameters: &Hyperparameters,
    learning: Learning,
    ctx: &Context<'_>,
) -> Result<Vec<(usize, f64, Vec<f64>)>, DetectorError> {
    let fitted = detector.fit(&frame.select_rows(&part.learn), hyperparameters, ctx)?;
    let others = frame.select_rows(&part.score);
    let scores = fitted.score(&others, ctx)?;
    let classified = if learning == Learning::Supervised { fitted.classify(&others, ctx)? } else { None };
    // A part may lack a class, which is then impossible to the fit.
    let target = frame.target().filter(|_| classified.is_some());
    let names = target.as_ref().map_or(&[][..], Target::names);
    let probabilities = |at: usize| {
        let of = |found: &Classified, name: &String| {
            found.names.iter().position(|known| known == name).map_or(0.0, |class| found.probabilities[[at, class]])
        };
        names.iter().map(|name| classified.as_ref().map_or(0.0, |found| of(found, name))).collect::<Vec<f64>>()
    };
    Ok(part.score.iter().zip(scores).enumerate().map(|(at, (row, score))| (*row, score, probabilities(at))).collect())
}

/// The stretch is scored with what lies around it, which the fit did not see either or does not matter: only its own rows'
/// scores are kept.
fn score_stretch(
    detector: &dyn Detector,
    frame: &Frame,
    part: &Part,
    hyperparameters: &Hyperparameters,
    ctx: &Context<'_>,
) -> Result<Vec<(usize, f64, Vec<f64>)>, DetectorError> {
    let fitted = detector.fit(&frame.select_rows(&part.learn), hyperparameters, ctx)?;
    let (Some(first), Some(last)) = (part.score.first(), part.score.last()) else { return Ok(Vec::new()) };
    let from = first.saturating_sub(MARGIN);
    let around = frame.slice_rows(from..(last + 1 + MARGIN).min(frame.n_rows()));
    let scores = fitted.score(&around, ctx)?;
    Ok(part.score.iter().map(|row| (*row, scores[row - from], Vec::new())).collect())
}

/// Equal stretches of `0..n_rows`.
fn stretches(n_rows: usize, n_parts: usize) -> Vec<std::ops::Range<usize>> {
    (0..n_parts).map(|i| i * n_rows / n_parts..(i + 1) * n_rows / n_parts).filter(|range| !range.is_empty()).collect()
}

/// One part at either end of a series, each learned about from all the rest. A part in the middle would leave two rests,
/// which either meet at a jump that never was or are too short to know what is normal.
fn ends(n_rows: usize, n_parts: usize) -> Vec<Part> {
    let length = n_rows / n_parts;
    let part = |score: std::ops::Range<usize>, learn: std::ops::Range<usize>| Part {
        learn: learn.collect(),
        score: score.collect(),
    };
    vec![part(0..length, length..n_rows), part(n_rows - length..n_rows, 0..n_rows - length)]
}

/// The rows in the order in which parts are cut: as they are, or shuffled.
fn order(n_rows: usize, as_they_are: bool, seed: u64) -> Vec<usize> {
    if as_they_are { (0..n_rows).collect() } else { shuffled(n_rows, seed) }
}

fn folds(order: Vec<usize>, n_parts: usize) -> Vec<Part> {
    let part = |range: std::ops::Range<usize>| {
        let mut learn = [&order[..range.start], &order[range.end..]].concat();
        let mut score = order[range].to_vec();
        learn.sort_unstable();
        score.sort_unstable();
        Part { learn, score }
    };
    stretches(order.len(), n_parts).into_iter().map(part).collect()
}

/// The last fifth is held back.
fn split(order: Vec<usize>) -> Part {
    let n_rows = order.len();
    let held = (n_rows / 5).min(SPLIT_ROWS);
    let mut learn = order[..n_rows - held].to_vec();
    let mut score = order[n_rows - held..].to_vec();
    learn.sort_unstable();
    score.sort_unstable();
    Part { learn, score }
}
