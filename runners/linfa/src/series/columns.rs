//! Detectors that follow each column by itself, value by value: scoring, streams, reasons and forecasts in one place.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::Array2;
use nunatak_detector::{
    Context, DetectorError, Figure, FittedDetector, Forecast, Frame, SavedState, StreamScorer, Tensor,
};
use rayon::prelude::*;
use serde_json::Value;

use crate::series::forecasting::{self, Expected};

/// Rows between two looks at the cancel flag.
const CANCEL_ROWS: usize = 4_096;

/// Learned parameters of that many columns are shown.
const SHOWN_COLUMNS: usize = 50;

/// What a detector has learned of one column.
pub(crate) trait Model: Debug + Send + Sync + Sized + 'static {
    type Chart<'a>: Chart;

    /// The state before the first row of a series.
    fn start(&self) -> Self::Chart<'_>;

    /// Everything learned, of all columns.
    fn save(columns: &[Self]) -> BTreeMap<String, Tensor>;

    /// See [`FittedDetector::parameters`].
    fn parameters(columns: &[Self]) -> BTreeMap<String, Value>;
}

/// The running state of one column.
pub(crate) trait Chart: Clone + Debug + Send {
    /// Takes the next value and gives its score, finite and not negative.
    fn push(&mut self, x: f64) -> f64;

    /// What is expected of the next value; `None` for charts that do not forecast.
    fn expect(&self) -> Option<Expected> {
        None
    }
}

/// A fitted detector of one model a column. Its score is the largest of the columns'.
#[derive(Debug)]
pub(crate) struct Columns<M>(pub(crate) Vec<M>);

/// Learns each column by itself, in parallel.
pub(crate) fn fit_columns<M: Model>(
    frame: &Frame,
    ctx: &Context<'_>,
    fit: impl Fn(&[f64]) -> Result<M, DetectorError> + Sync,
) -> Result<Box<dyn FittedDetector>, DetectorError> {
    Ok(Box::new(Columns(learn_columns(frame, ctx, fit)?)))
}

/// What `fit` learns of each column, in parallel.
pub(crate) fn learn_columns<M: Send>(
    frame: &Frame,
    ctx: &Context<'_>,
    fit: impl Fn(&[f64]) -> Result<M, DetectorError> + Sync,
) -> Result<Vec<M>, DetectorError> {
    ctx.report(0.0, "learning each column");
    let n_fitted = AtomicUsize::new(0);
    let columns = (0..frame.n_features()).into_par_iter().map(|column| {
        ctx.check_cancelled()?;
        let model = fit(&frame.values().column(column).to_vec())?;
        let share = (n_fitted.fetch_add(1, Ordering::Relaxed) + 1) as f64 / frame.n_features() as f64;
        ctx.report(share, "learning each column");
        Ok(model)
    });
    let columns = columns.collect::<Result<Vec<M>, DetectorError>>()?;
    ctx.check_cancelled()?;
    Ok(columns)
}

/// The largest score of any column for each row, where `scores` gives those of one column.
pub(crate) fn largest_scores(
    n_columns: usize,
    ctx: &Context<'_>,
    scores: impl Fn(usize) -> Result<Vec<f64>, DetectorError> + Send + Sync,
) -> Result<Vec<f64>, DetectorError> {
    // The larger of two numbers is the same in any order, so threads do not show.
    let larger = |mut a: Vec<f64>, b: Vec<f64>| {
        a.iter_mut().zip(&b).for_each(|(a, b)| *a = a.max(*b));
        Ok(a)
    };
    let columns = (0..n_columns).into_par_iter().map(scores);
    let largest = columns.try_reduce_with(larger).unwrap_or_else(|| Ok(Vec::new()))?;
    ctx.check_cancelled()?;
    Ok(largest)
}

/// A learned number of each column, to be shown.
pub(crate) fn shown<M>(columns: &[M], of: impl Fn(&M) -> Value) -> Value {
    Value::Array(columns.iter().take(SHOWN_COLUMNS).map(of).collect())
}

impl<M: Model> Columns<M> {
    /// Scores of the first `n_rows` rows of one column.
    fn column_scores(
        &self,
        frame: &Frame,
        column: usize,
        n_rows: usize,
        ctx: &Context<'_>,
    ) -> Result<Vec<f64>, DetectorError> {
        let mut chart = self.0[column].start();
        let mut scores = Vec::with_capacity(n_rows);
        for (row, x) in frame.values().column(column).iter().take(n_rows).enumerate() {
            if row.is_multiple_of(CANCEL_ROWS) {
                ctx.check_cancelled()?;
            }
            scores.push(chart.push(*x));
        }
        Ok(scores)
    }

    fn forecasts(&self) -> bool {
        self.0.first().is_some_and(|model| model.start().expect().is_some())
    }

    /// The column with the highest score among the rows from `first`.
    fn loudest(&self, frame: &Frame, first: usize, ctx: &Context<'_>) -> Result<usize, DetectorError> {
        let mut loudest = (0, f64::NEG_INFINITY);
        for column in 0..self.0.len() {
            let scores = self.column_scores(frame, column, frame.n_rows(), ctx)?;
            let highest = scores[first..].iter().copied().fold(0.0, f64::max);
            if highest > loudest.1 {
                loudest = (column, highest);
            }
        }
        Ok(loudest.0)
    }
}

impl<M: Model> FittedDetector for Columns<M> {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        largest_scores(self.0.len(), ctx, |column| self.column_scores(frame, column, frame.n_rows(), ctx))
    }

    fn save(&self) -> SavedState {
        SavedState { tensors: M::save(&self.0), preprocessing: None }
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        M::parameters(&self.0)
    }

    fn contributions(
        &self,
        frame: &Frame,
        rows: &[usize],
        ctx: &Context<'_>,
    ) -> Result<Option<Array2<f64>>, DetectorError> {
        let n_rows = rows.iter().max().map_or(0, |last| last + 1);
        let mut contributions = Array2::zeros((rows.len(), self.0.len()));
        for (column, mut out) in contributions.columns_mut().into_iter().enumerate() {
            let scores = self.column_scores(frame, column, n_rows, ctx)?;
            out.iter_mut().zip(rows).for_each(|(out, row)| *out = scores[*row]);
        }
        Ok(Some(contributions))
    }

    fn stream(&self) -> Option<Box<dyn StreamScorer + '_>> {
        Some(Box::new(Charts(self.0.iter().map(Model::start).collect())))
    }

    fn forecast(
        &self,
        frame: &Frame,
        horizon: usize,
        level: f64,
        ctx: &Context<'_>,
    ) -> Result<Option<Forecast>, DetectorError> {
        if !self.forecasts() {
            return Ok(None);
        }
        let starts = self.0.iter().map(Model::start).collect();
        forecasting::forecast(frame, starts, horizon, level, ctx).map(Some)
    }

    fn figures(
        &self,
        frame: &Frame,
        _scores: &[f64],
        threshold: f64,
        ctx: &Context<'_>,
    ) -> Result<Vec<Figure>, DetectorError> {
        if !self.forecasts() || frame.n_rows() == 0 {
            return Ok(Vec::new());
        }
        let first = frame.n_rows().saturating_sub(nunatak_detector::figures::MAX_POINTS);
        let column = self.loudest(frame, first, ctx)?;
        let mut chart = self.0[column].start();
        let mut expected = Vec::with_capacity(frame.n_rows() - first);
        for (row, x) in frame.values().column(column).iter().enumerate() {
            if row.is_multiple_of(CANCEL_ROWS) {
                ctx.check_cancelled()?;
            }
            if row >= first {
                expected.extend(chart.expect());
            }
            chart.push(*x);
        }
        Ok(vec![forecasting::figure(frame, column, first, &expected, threshold)])
    }
}

/// The running states of all columns.
#[derive(Debug)]
struct Charts<C>(Vec<C>);

impl<C: Chart> StreamScorer for Charts<C> {
    fn push(&mut self, row: &[f64]) -> f64 {
        self.0.iter_mut().zip(row).map(|(chart, x)| chart.push(*x)).fold(0.0, f64::max)
    }
}
