//! Decomposition into trend, season and the rest, which is the score.

use std::collections::BTreeMap;

use ndarray::Array2;
use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, Figure, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, SavedState, Tensor,
};
use serde_json::{Value, json};

use crate::series::columns::{largest_scores, learn_columns};
use crate::series::forecasting::{short, time_axis};
use crate::series::loess::{loess, robustness};
use crate::series::seasons::{centred, phase, profile};
use crate::series::spread::{self, Spread, robust_sigma};
use crate::series::windows::{check_length, season, standardized};

const DESCRIPTION: &str = "\
Robust seasonal-trend decomposition by loess, STL with a periodic season (Cleveland, Cleveland, McRae and Terpenning, \
*STL: a seasonal-trend decomposition procedure based on loess*, Journal of Official Statistics 1990).

Each column is trend + season + residual. The season is a profile of `period` rows, the weighted mean of the detrended \
rows of each phase; the trend is a locally linear fit over `trend` rows of what the season leaves; rows with large \
residuals lose their weight (bisquare, five rounds). score = |residual| / sigma, where sigma is 1.4826 times the \
median of the absolute residuals in training. Of several columns the largest score counts.

A version holds the profile of the season and sigma. A new series may begin at any moment of the season: the place \
that fits best is found, the profile taken off, and its trend fitted by itself. The trend looks at the rows on both \
sides, so the last half window of a growing series may still change its scores. A series shorter than `trend` or a \
season is refused.

Without `period` it is the highest peak of the autocorrelation between 6 and 303 rows, if that is at least 0.1, else \
there is no season. Without `trend` it is the odd number from 21/11 seasons, statsmodels' default; without a season \
401 or a quarter of the rows. Departs from STL in that the season of a version does not change over the years.";

/// Rounds of reweighting, and passes over season and trend within each.
const ROUNDS: usize = 5;
const PASSES: usize = 2;

const MAX_PERIOD: usize = 10_000;
const MAX_TREND: usize = 100_001;

/// Rows of the trend's window when there is no season.
const TREND_WITHOUT_SEASON: usize = 401;

/// Bound of a season that a version may hold, in units of the spread.
const MAX_LEARNED: f64 = 1e9;

/// Detector `seasonal_decomposition`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeasonalDecomposition;

impl Detector for SeasonalDecomposition {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "seasonal_decomposition".into(),
            version: "1.0.0".into(),
            title: "Seasonal decomposition (STL)".into(),
            summary: "For values unusual for their hour or day, in a series with one clear season and a slow trend."
                .into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Series,
            learning: Learning::Unsupervised,
            reasons: Reasons::Exact,
            cost: "Fit and scoring O(n d), some hundred operations a row; the version holds d seasons.".into(),
            source: "Cleveland et al., *STL: a seasonal-trend decomposition procedure based on loess*, 1990.".into(),
            hyperparameters: HyperparameterSchema::new()
                .optional_integer(
                    "period",
                    1..=MAX_PERIOD as i64,
                    "Rows of a season; 1 for none. Null: found in the data.",
                )
                .optional_integer("trend", 3..=MAX_TREND as i64, "Rows of the trend's window. Null: some two seasons.")
                .build(),
        }
    }

    fn fit(
        &self,
        frame: &Frame,
        hyperparameters: &Hyperparameters,
        ctx: &Context<'_>,
    ) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let period = match hyperparameters.optional_integer("period")? {
            Some(period) => period,
            None => season(&standardized(frame)).unwrap_or(1),
        };
        if period > 1 && frame.n_rows() < 2 * period {
            let message = format!("{} rows are fewer than two seasons of {period}; append more rows", frame.n_rows());
            return Err(DetectorError::hyperparameter("period", message));
        }
        let trend = hyperparameters.optional_integer("trend")?.unwrap_or_else(|| match period {
            1 => TREND_WITHOUT_SEASON.min((frame.n_rows() / 4) | 1).max(3),
            _ => (period * 21).div_ceil(11) | 1,
        });
        check_length(frame, trend)?;
        let columns = learn_columns(frame, ctx, |values| {
            let spread = Spread::robust(values.to_vec());
            let season = learn_season(&spread.clipped(values), period, trend, ctx)?;
            let unscaled = Column { spread, season, sigma: 1.0 };
            let residual = unscaled.decompose(values, trend, ctx)?.residual;
            Ok(Column { sigma: robust_sigma(residual.into_iter(), 1.0), ..unscaled })
        })?;
        Ok(Box::new(Seasons { columns, trend, period }))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let spreads = Spread::load(artifact, "center")?;
        let windows = artifact.indices_of("windows", 2)?;
        let (period, trend) = (windows[0] as usize, windows[1] as usize);
        if !(1..=MAX_PERIOD).contains(&period) || !(3..=MAX_TREND).contains(&trend) {
            return Err(DetectorError::artifact("its season or its trend is out of range"));
        }
        let seasons = artifact.matrix("season", period)?;
        let sigmas = artifact.vector_of("sigma", spreads.len())?;
        if seasons.nrows() != spreads.len() || seasons.iter().any(|x| x.abs() > MAX_LEARNED) {
            return Err(DetectorError::artifact("its seasons do not fit its columns or are out of range"));
        }
        if sigmas.iter().any(|sigma| *sigma < 1e-9) {
            return Err(DetectorError::artifact("it has a standard deviation that is not positive"));
        }
        let columns = spreads.into_iter().zip(seasons.rows()).zip(sigmas);
        let columns =
            columns.map(|((spread, season), sigma)| Column { spread, season: season.to_vec(), sigma: *sigma });
        Ok(Box::new(Seasons { columns: columns.collect(), trend, period }))
    }
}

/// The profile of the season of a series that begins with its phase 0.
fn learn_season(values: &[f64], period: usize, window: usize, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
    if period < 2 {
        return Ok(vec![0.0]);
    }
    let mut weights = vec![1.0; values.len()];
    let mut trend = vec![0.0; values.len()];
    let mut season = vec![0.0; period];
    for _ in 0..ROUNDS {
        for _ in 0..PASSES {
            season = weighted_profile(values, &trend, &weights, period);
            let rest: Vec<f64> = values.iter().enumerate().map(|(row, x)| x - season[row % period]).collect();
            trend = loess(&rest, &weights, window, ctx)?;
        }
        let residual = values.iter().zip(&trend).enumerate().map(|(row, (x, trend))| x - trend - season[row % period]);
        weights = robustness(&residual.collect::<Vec<_>>());
    }
    Ok(season)
}

/// Weighted mean of the detrended rows of each phase, less their mean.
fn weighted_profile(values: &[f64], trend: &[f64], weights: &[f64], period: usize) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0); period];
    for (row, x) in values.iter().enumerate() {
        let (sum, total) = &mut sums[row % period];
        *sum += weights[row] * (x - trend[row]);
        *total += weights[row];
    }
    centred(sums.into_iter().map(|(sum, total)| if total > 0.0 { sum / total } else { 0.0 }).collect())
}

/// One column.
#[derive(Debug)]
struct Column {
    spread: Spread,
    /// One entry a row of the season, in units of the spread.
    season: Vec<f64>,
    /// Of the residuals, in units of the spread.
    sigma: f64,
}

/// A column taken apart, each part of its length, in units of the spread.
struct Parts {
    trend: Vec<f64>,
    season: Vec<f64>,
    residual: Vec<f64>,
}

impl Column {
    fn decompose(&self, values: &[f64], window: usize, ctx: &Context<'_>) -> Result<Parts, DetectorError> {
        let values: Vec<f64> = values.iter().map(|x| self.spread.z(*x)).collect();
        let start = self.phase_of(&values);
        let season: Vec<f64> = self.season.iter().cycle().skip(start).take(values.len()).copied().collect();
        let rest: Vec<f64> = values.iter().zip(&season).map(|(x, season)| x - season).collect();
        let mut weights = vec![1.0; rest.len()];
        let mut trend = loess(&rest, &weights, window, ctx)?;
        for _ in 1..ROUNDS {
            let residual: Vec<f64> = rest.iter().zip(&trend).map(|(x, trend)| x - trend).collect();
            weights = robustness(&residual);
            trend = loess(&rest, &weights, window, ctx)?;
        }
        let residual = rest.iter().zip(&trend).map(|(x, trend)| x - trend).collect();
        Ok(Parts { trend, season, residual })
    }

    /// Where in its season a series begins.
    fn phase_of(&self, values: &[f64]) -> usize {
        let period = self.season.len();
        if period < 2 {
            return 0;
        }
        let own = profile(values, period);
        // A series of less than two seasons has no profile of its own: its first season, or what there is, stands in.
        phase(&self.season, if own.is_empty() { &values[..period.min(values.len())] } else { &own })
    }

    fn scores(&self, values: &[f64], window: usize, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let parts = self.decompose(values, window, ctx)?;
        Ok(parts.residual.iter().map(|residual| (residual / self.sigma).abs()).collect())
    }
}

#[derive(Debug)]
struct Seasons {
    columns: Vec<Column>,
    /// Rows of the trend's window.
    trend: usize,
    period: usize,
}

impl Seasons {
    fn column_scores(&self, frame: &Frame, column: usize, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        self.columns[column].scores(&frame.values().column(column).to_vec(), self.trend, ctx)
    }
}

impl FittedDetector for Seasons {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        check_length(frame, self.trend.max(self.period))?;
        largest_scores(self.columns.len(), ctx, |column| self.column_scores(frame, column, ctx))
    }

    fn save(&self) -> SavedState {
        let shape = (self.columns.len(), self.period);
        let seasons = Array2::from_shape_fn(shape, |(column, at)| self.columns[column].season[at]);
        let mut tensors = spread::tensors("center", self.columns.iter().map(|column| column.spread));
        tensors.insert("windows".into(), Tensor::indices(vec![self.period as u32, self.trend as u32]));
        tensors.insert("season".into(), Tensor::matrix(&seasons));
        tensors.insert("sigma".into(), Tensor::vector(self.columns.iter().map(|column| column.sigma).collect()));
        SavedState { tensors, preprocessing: None }
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        let sigmas = self.columns.iter().take(50).map(|column| column.sigma * column.spread.scale);
        BTreeMap::from([
            ("period_".to_string(), json!(self.period)),
            ("trend_window_".to_string(), json!(self.trend)),
            ("sigma_".to_string(), json!(sigmas.collect::<Vec<_>>())),
        ])
    }

    fn contributions(
        &self,
        frame: &Frame,
        rows: &[usize],
        ctx: &Context<'_>,
    ) -> Result<Option<Array2<f64>>, DetectorError> {
        check_length(frame, self.trend.max(self.period))?;
        let mut contributions = Array2::zeros((rows.len(), self.columns.len()));
        for (column, mut out) in contributions.columns_mut().into_iter().enumerate() {
            let scores = self.column_scores(frame, column, ctx)?;
            out.iter_mut().zip(rows).for_each(|(out, row)| *out = scores[*row]);
        }
        Ok(Some(contributions))
    }

    /// The parts of the column that has the highest score.
    fn figures(
        &self,
        frame: &Frame,
        scores: &[f64],
        _threshold: f64,
        ctx: &Context<'_>,
    ) -> Result<Vec<Figure>, DetectorError> {
        let Some(row) = (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b])) else {
            return Ok(Vec::new());
        };
        let Some(contributions) = self.contributions(frame, &[row], ctx)? else { return Ok(Vec::new()) };
        let loudest = (0..self.columns.len()).max_by(|a, b| contributions[[0, *a]].total_cmp(&contributions[[0, *b]]));
        let index = loudest.unwrap_or(0);
        let column = &self.columns[index];
        let parts = column.decompose(&frame.values().column(index).to_vec(), self.trend, ctx)?;
        Ok(vec![figure(frame, index, column.spread, &parts)])
    }
}

/// Four plots one above the other. Long series keep of each stretch the row with the largest residual.
fn figure(frame: &Frame, column: usize, spread: Spread, parts: &Parts) -> Figure {
    let stretch = frame.n_rows().div_ceil(nunatak_detector::figures::MAX_POINTS).max(1);
    let residuals = parts.residual.chunks(stretch).enumerate();
    let rows = residuals.map(|(idx, chunk)| {
        let largest = (0..chunk.len()).max_by(|a, b| chunk[*a].abs().total_cmp(&chunk[*b].abs()));
        idx * stretch + largest.unwrap_or(0)
    });
    let part = |values: &[f64], row: usize| short((values[row] * spread.scale).clamp(f64::MIN, f64::MAX));
    let values = rows.map(|row| {
        json!({
            "x": frame.time().map_or(row as i64 + 1, |time| time[row]),
            "observed": short(frame.values()[[row, column]]),
            "trend": short(spread.value(parts.trend[row])),
            "season": part(&parts.season, row),
            "residual": part(&parts.residual, row),
        })
    });
    let values = values.collect::<Vec<Value>>();
    let name = &frame.columns()[column];
    let plot = |field: &str| {
        json!({
            // Plots that stand together cannot take the width of their container.
            "width": 640,
            "height": 90,
            "mark": {"type": "line", "tooltip": {"content": "data"}},
            "encoding": {
                "x": time_axis(frame),
                "y": {"field": field, "type": "quantitative", "title": field, "scale": {"zero": false}},
            },
        })
    };
    let plots = ["observed", "trend", "season", "residual"].map(plot);
    let spec = json!({
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": format!("Trend, season and residual of {name}"),
        "data": {"values": values},
        "vconcat": plots,
    });
    Figure { name: "decomposition".into(), title: "Trend, season and residual".into(), spec }
}
