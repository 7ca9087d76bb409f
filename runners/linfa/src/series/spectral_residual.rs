//! Saliency of rows by the spectral residual.

use std::collections::{BTreeMap, VecDeque};

use ndarray::Array2;
use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, SavedState, StreamScorer, Tensor,
};
use rayon::prelude::*;
use serde_json::{Value, json};

use crate::series::fft::{Complex, Fft};

const DESCRIPTION: &str = "\
Spectral residual (Ren et al., *Time-series anomaly detection service at Microsoft*, KDD 2019). Of the spectrum of a \
series the smooth part is taken away: with the amplitudes A(f) and their logarithms averaged over `window_amp` \
neighbouring frequencies, L(f), the saliency of a row is S = |inverse transform of A(f) exp(-L(f)) with the phases \
kept|. What the series does everywhere falls away, and what it does once stands out: spikes and sudden changes.

A row's score is S, as in TSB-AD, or with `window_local` (the paper has 21) S / mean - 1, where mean is that of S over \
the `window_local` rows up to the row. Of several columns the mean counts; a constant column adds 0.

Without `window`, the whole series is transformed at once and a score looks ahead as well as back. With it, each row \
is scored from the `window` rows up to it alone, as in a stream; `n_extrapolated` rows are continued behind it by the \
mean slope of the 5 before the last, as in Microsoft's own code, so that the row does not lie at the edge. Before the \
first row, the first row is repeated. It is fastest where `window` + `n_extrapolated` is a power of two (251 + 5).

There is nothing to learn but the threshold: training remembers no row. Departs from the paper and agrees with Alibi \
Detect in averaging the amplitudes on both sides and mirroring them. As in TSB-AD, the logarithms continue beyond the \
spectrum's ends with the first and the last value of the series scaled to 0..1, so with small ones, which keeps more \
of the slow changes.";

/// Rows that the slope is measured over; the paper's m.
const SLOPE_ROWS: usize = 5;

/// Amplitudes smaller than this part of the largest are rounding and count as this.
const SMALLEST_AMPLITUDE: f64 = 1e-14;

/// Rows of one task: a row is a transform of the whole window.
const BLOCK_ROWS: usize = 32;

/// A transform takes some 100 bytes a row.
const MAX_ROWS: usize = 10_000_000;

/// Detector `spectral_residual`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpectralResidual;

impl Detector for SpectralResidual {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "spectral_residual".into(),
            version: "1.0.0".into(),
            title: "Spectral residual".into(),
            summary:
                "For spikes and sudden changes in a series of any rhythm; needs no training and hardly any setting."
                    .into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Series,
            learning: Learning::Unsupervised,
            reasons: Reasons::Exact,
            cost:
                "Scoring O(d n log n) for n rows at once, O(d w log w) a row for a window w; the version holds nothing."
                    .into(),
            source: "Ren et al., *Time-series anomaly detection service at Microsoft*, KDD 2019.".into(),
            hyperparameters: HyperparameterSchema::new()
                .optional_integer("window", 16..=65_536, "Rows that a row is judged from. Null: the whole series.")
                .integer("window_amp", 100, 1..=10_000, "Frequencies that the amplitudes are averaged over.")
                .integer("window_local", 0, 0..=10_000, "Rows that a saliency is compared with. 0: it is the score.")
                .integer("n_extrapolated", 5, 0..=100, "Rows to continue the series by, with a window.")
                .build(),
        }
    }

    fn fit(
        &self,
        frame: &Frame,
        hyperparameters: &Hyperparameters,
        ctx: &Context<'_>,
    ) -> Result<Box<dyn FittedDetector>, DetectorError> {
        ctx.report(0.5, "nothing to learn");
        ctx.check_cancelled()?;
        Ok(Box::new(Saliency::new(frame.n_features(), hyperparameters)?))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let hyperparameters = artifact.header.resolve_hyperparameters(&self.spec().hyperparameters)?;
        artifact.indices_of("nothing", 0)?;
        Ok(Box::new(Saliency::new(artifact.header.n_features(), &hyperparameters)?))
    }
}

#[derive(Debug)]
struct Saliency {
    n_features: usize,
    window: Option<usize>,
    window_amp: usize,
    window_local: usize,
    n_extrapolated: usize,
}

impl Saliency {
    fn new(n_features: usize, hyperparameters: &Hyperparameters) -> Result<Self, DetectorError> {
        let window = hyperparameters.optional_integer("window")?;
        let window_local = hyperparameters.integer("window_local")?;
        if window.is_some_and(|window| window_local > window) {
            return Err(DetectorError::hyperparameter("window_local", "must not be larger than `window`"));
        }
        Ok(Self {
            n_features,
            window,
            window_amp: hyperparameters.integer("window_amp")?,
            window_local,
            n_extrapolated: hyperparameters.integer("n_extrapolated")?,
        })
    }

    /// The scores of each column.
    fn columns(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<Vec<f64>>, DetectorError> {
        if frame.n_rows() > MAX_ROWS {
            let message = format!("{} rows are more than {MAX_ROWS}; score the series in parts", frame.n_rows());
            return Err(DetectorError::data(message));
        }
        let mut columns = Vec::with_capacity(frame.n_features());
        for column in frame.values().columns() {
            ctx.check_cancelled()?;
            let values = column.to_vec();
            columns.push(match self.window {
                None => self.whole(&values),
                Some(window) => self.causal(&values, window, ctx)?,
            });
        }
        ctx.check_cancelled()?;
        Ok(columns)
    }

    fn whole(&self, values: &[f64]) -> Vec<f64> {
        let mut transform = Transform::new(values.len(), self.window_amp);
        let saliency = transform.saliency(values.iter().copied());
        let score = |row: usize| self.relative(&saliency[..=row]);
        if self.window_local == 0 { saliency } else { (0..values.len()).map(score).collect() }
    }

    fn causal(&self, values: &[f64], window: usize, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let mut scores = vec![0.0; values.len()];
        let transform = || Transform::new(window + self.n_extrapolated, self.window_amp);
        scores.par_chunks_mut(BLOCK_ROWS).enumerate().try_for_each_init(transform, |transform, (block, scores)| {
            for (at, score) in scores.iter_mut().enumerate() {
                ctx.check_cancelled()?;
                let row = block * BLOCK_ROWS + at;
                let past = (row + 1).saturating_sub(window)..row + 1;
                let missing = window - past.len();
                let rows = std::iter::repeat_n(values[0], missing).chain(values[past].iter().copied());
                *score = self.last(transform, rows);
            }
            Ok::<(), DetectorError>(())
        })?;
        Ok(scores)
    }

    /// The score of the last of `rows`, of which there is a window.
    fn last(&self, transform: &mut Transform, rows: impl Iterator<Item = f64>) -> f64 {
        transform.rows.clear();
        transform.rows.extend(rows);
        let n = transform.rows.len();
        // The last row itself has no say: else a spike would be continued and so stand out less.
        let next = extrapolate(&transform.rows[..n - 1]);
        let rows = std::mem::take(&mut transform.rows);
        let saliency = transform.saliency(rows.iter().copied().chain(std::iter::repeat_n(next, self.n_extrapolated)));
        transform.rows = rows;
        if self.window_local == 0 { saliency[n - 1] } else { self.relative(&saliency[..n]) }
    }

    /// How far the last saliency is above the mean of the last `window_local`, as a part of that mean.
    fn relative(&self, saliency: &[f64]) -> f64 {
        let recent = &saliency[saliency.len().saturating_sub(self.window_local)..];
        let mean = recent.iter().sum::<f64>() / recent.len() as f64;
        if mean > 0.0 { recent[recent.len() - 1] / mean - 1.0 } else { 0.0 }
    }
}

/// Where the paper continues a series: from the first of its last rows along the mean slope to the last.
fn extrapolate(rows: &[f64]) -> f64 {
    let m = SLOPE_ROWS.min(rows.len() - 1);
    let last = rows[rows.len() - 1];
    let slope = (1..=m).map(|back| (last - rows[rows.len() - 1 - back]) / back as f64).sum::<f64>() / m as f64;
    rows[rows.len() - m] + slope * m as f64
}

/// One length's transform and its memory.
struct Transform {
    fft: Fft,
    window_amp: usize,
    rows: Vec<f64>,
    spectrum: Vec<Complex>,
    log_amplitudes: Vec<f64>,
    scratch: Vec<Complex>,
}

impl Transform {
    fn new(n: usize, window_amp: usize) -> Self {
        let fft = Fft::new(n);
        Self {
            fft,
            window_amp,
            rows: Vec::new(),
            spectrum: Vec::new(),
            log_amplitudes: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// S of each of `values`; all 0 when they are constant.
    fn saliency(&mut self, values: impl Iterator<Item = f64> + Clone) -> Vec<f64> {
        let low = values.clone().fold(f64::INFINITY, f64::min);
        let high = values.clone().fold(f64::NEG_INFINITY, f64::max);
        // Halves, because the difference of huge values overflows.
        let range = high / 2.0 - low / 2.0;
        if range <= 0.0 {
            return values.map(|_| 0.0).collect();
        }
        self.spectrum.clear();
        let unit = |value: f64| Complex { re: (value / 2.0 - low / 2.0) / range, im: 0.0 };
        self.spectrum.extend(values.map(unit));
        let ends = [self.spectrum[0].re, self.spectrum[self.spectrum.len() - 1].re];
        self.fft.forward(&mut self.spectrum, &mut self.scratch);
        self.take_away_the_smooth_part(ends);
        self.fft.inverse(&mut self.spectrum, &mut self.scratch);
        self.spectrum.iter().map(|value| value.abs()).collect()
    }

    /// `ends` stand beyond the ends of the logarithms of the amplitudes.
    fn take_away_the_smooth_part(&mut self, ends: [f64; 2]) {
        let n = self.spectrum.len();
        let largest = self.spectrum.iter().map(|value| value.abs()).fold(0.0, f64::max);
        let log = |value: &Complex| value.abs().max(SMALLEST_AMPLITUDE * largest).ln();
        // Amplitudes of a real series mirror each other; the constant part stands alone.
        self.log_amplitudes.clear();
        self.log_amplitudes.extend(self.spectrum[1..=n / 2].iter().map(log));
        let constant = self.spectrum[0].abs().max(SMALLEST_AMPLITUDE * largest);
        self.spectrum[0] = self.spectrum[0].scaled(1.0 / constant);
        let half = self.log_amplitudes.len();
        let mut average =
            MovingAverage { values: &self.log_amplitudes, ends, window: self.window_amp, at: 0, sum: 0.0 };
        for k in 1..=half {
            let scale = (-average.next()).exp();
            self.spectrum[k] = self.spectrum[k].scaled(scale);
            if n - k > half {
                self.spectrum[n - k] = self.spectrum[n - k].scaled(scale);
            }
        }
    }
}

/// Means over `window` values about each, with `ends` beyond the first and the last.
struct MovingAverage<'a> {
    values: &'a [f64],
    ends: [f64; 2],
    window: usize,
    at: usize,
    sum: f64,
}

impl MovingAverage<'_> {
    fn value(&self, at: isize) -> f64 {
        let [before, after] = self.ends;
        if at < 0 { before } else { self.values.get(at as usize).copied().unwrap_or(after) }
    }

    fn next(&mut self) -> f64 {
        let first = self.at as isize - (self.window as isize - 1) / 2;
        let end = first + self.window as isize;
        // A fresh sum now and then keeps rounding from gathering.
        self.sum = if self.at.is_multiple_of(1024) {
            (first..end).map(|at| self.value(at)).sum()
        } else {
            self.sum + self.value(end - 1) - self.value(first - 1)
        };
        self.at += 1;
        self.sum / self.window as f64
    }
}

impl FittedDetector for Saliency {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let columns = self.columns(frame, ctx)?;
        let mean = |row: usize| columns.iter().map(|column| column[row]).sum::<f64>() / columns.len() as f64;
        Ok((0..frame.n_rows()).map(mean).collect())
    }

    fn save(&self) -> SavedState {
        let tensors = BTreeMap::from([("nothing".to_string(), Tensor::indices(Vec::new()))]);
        SavedState { tensors, preprocessing: None }
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        BTreeMap::from([("window_".to_string(), json!(self.window))])
    }

    fn contributions(
        &self,
        frame: &Frame,
        rows: &[usize],
        ctx: &Context<'_>,
    ) -> Result<Option<Array2<f64>>, DetectorError> {
        let columns = self.columns(frame, ctx)?;
        let share = |(at, column): (usize, usize)| columns[column][rows[at]] / columns.len() as f64;
        Ok(Some(Array2::from_shape_fn((rows.len(), columns.len()), share)))
    }

    fn stream(&self) -> Option<Box<dyn StreamScorer + '_>> {
        let window = self.window?;
        let transform = Transform::new(window + self.n_extrapolated, self.window_amp);
        let past = vec![VecDeque::with_capacity(window); self.n_features];
        Some(Box::new(Stream { saliency: self, window, transform, past }))
    }
}

/// The last rows of each column, the first repeated where there are not enough.
struct Stream<'a> {
    saliency: &'a Saliency,
    window: usize,
    transform: Transform,
    past: Vec<VecDeque<f64>>,
}

impl std::fmt::Debug for Stream<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("saliency", &self.saliency).finish_non_exhaustive()
    }
}

impl StreamScorer for Stream<'_> {
    fn push(&mut self, row: &[f64]) -> f64 {
        let mut sum = 0.0;
        for (past, value) in self.past.iter_mut().zip(row) {
            if past.is_empty() {
                past.extend(std::iter::repeat_n(*value, self.window));
            } else {
                past.pop_front();
                past.push_back(*value);
            }
            sum += self.saliency.last(&mut self.transform, past.iter().copied());
        }
        sum / self.past.len() as f64
    }
}

#[cfg(test)]
#[path = "spectral_residual_tests.rs"]
mod tests;
