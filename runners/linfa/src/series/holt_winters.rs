//! Exponential smoothing of level, trend and season: how far a value is from its forecast.

use std::collections::BTreeMap;

use ndarray::Array2;
use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, Tensor,
};
use serde_json::{Value, json};

use crate::series::columns::{Chart, Columns, Model, fit_columns, shown};
use crate::series::forecasting::Expected;
use crate::series::smoothing::{Gains, Smoothed, Start, fit_gains};
use crate::series::spread::{self, Spread, robust_sigma};
use crate::series::windows::{season, standardized};

const DESCRIPTION: &str = "\
Additive Holt-Winters smoothing, in the error form of ETS(A,A,A) (Winters, *Forecasting sales by exponentially \
weighted moving averages*, 1960; Hyndman, Koehler, Ord and Snyder, *Forecasting with exponential smoothing*, 2008).

The forecast is level + trend + season. Its error e moves them: level by `smoothing_level` e, trend by \
`smoothing_level` `smoothing_trend` e, season by `smoothing_seasonal` (1 - `smoothing_level`) e. score = |e| / sigma, \
where sigma is 1.4826 times the median of the absolute errors in training. Of several columns the largest score \
counts.

Which of the three are not given are 0.1, 0.01 and 0.1 with `gains` `slow`, and with `fitted` those of the least \
squared error one row ahead on the training series (its first 50,000 rows). Fitted gains forecast better; slow ones do \
not run after an anomaly and find more of them.

Without `period` it is the highest peak of the autocorrelation between 6 and 303 rows, if that is at least 0.1, else \
there is no season (Holt's linear trend). A version holds the profile of its season and the trend. A new series may \
begin at any moment of the season: its first season is compared with the row before each row, then the place in the \
season that fits best is found, and the level. The first row of all is scored by its distance to the training median.

For learning, no value counts as further from the median than three times what 99 of 100 rows keep to (or 10 robust \
standard deviations, if that is more).";

/// Rows that the gains are fitted on: a few hundred passes over them take a second.
const MAX_FIT_ROWS: usize = 50_000;

/// Finding the place in the season takes the square of that.
const MAX_PERIOD: usize = 10_000;

/// Bound of what a version may hold in units of the spread; what is learned stays below 100.
const MAX_LEARNED: f64 = 1e9;

/// Detector `holt_winters`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HoltWinters;

impl Detector for HoltWinters {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "holt_winters".into(),
            version: "1.0.0".into(),
            title: "Holt-Winters forecast".into(),
            summary: "For values that break with the trend and the season so far; forecasts with bounds.".into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Series,
            learning: Learning::Unsupervised,
            reasons: Reasons::Exact,
            cost:
                "Fit O(n d), with fitted gains a hundred times that; scoring O(d) a row; the version holds d seasons."
                    .into(),
            source: "Winters, *Forecasting sales by exponentially weighted moving averages*, 1960.".into(),
            hyperparameters: HyperparameterSchema::new()
                .optional_integer(
                    "period",
                    1..=MAX_PERIOD as i64,
                    "Rows of a season; 1 for none. Null: found in the data.",
                )
                .choice(
                    "gains",
                    &["slow", "fitted"],
                    "Where the three below come from: `slow` to detect, `fitted` to forecast.",
                )
                .optional_number("smoothing_level", 0.0..=1.0, "How fast the level follows. Null: by gains.")
                .optional_number("smoothing_trend", 0.0..=1.0, "How fast the trend follows the level. Null: by gains.")
                .optional_number("smoothing_seasonal", 0.0..=1.0, "How fast the season follows. Null: by gains.")
                .build(),
        }
    }

    fn fit(
        &self,
        frame: &Frame,
        hyperparameters: &Hyperparameters,
        ctx: &Context<'_>,
    ) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let period = season_of(frame, hyperparameters)?;
        let given = Gains::given(hyperparameters, period)?;
        fit_columns(frame, ctx, |column| {
            let spread = Spread::robust(column.to_vec());
            let values = spread.clipped(column);
            let start = Start::of(&values, period);
            ctx.check_cancelled()?;
            let gains = fit_gains(&values[..values.len().min(MAX_FIT_ROWS)], &start, given, ctx)?;
            let naive_sigma = robust_sigma(column.windows(2).map(|pair| spread.z(pair[1]) - spread.z(pair[0])), 1.0);
            let unscaled = Seasonal { spread, start, gains, sigma: 1.0, naive_sigma };
            let mut chart = unscaled.start();
            let errors: Vec<f64> = column.iter().map(|x| chart.push(*x)).collect();
            let sigma = robust_sigma(errors.into_iter().skip(period), 1.0);
            Ok(Seasonal { sigma, ..unscaled })
        })
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let spreads = Spread::load(artifact, "center")?;
        let period = artifact.indices_of("period", 1)?[0] as usize;
        if !(1..=MAX_PERIOD).contains(&period) {
            return Err(DetectorError::artifact("its season is out of range"));
        }
        let seasons = artifact.matrix("season", period)?;
        let learned = artifact.matrix("learned", 6)?;
        if seasons.nrows() != spreads.len() || learned.nrows() != spreads.len() {
            return Err(DetectorError::artifact("it does not have one season for each column"));
        }
        if seasons.iter().chain(&learned).any(|x| x.abs() > MAX_LEARNED) {
            return Err(DetectorError::artifact("it has a season or trend that is out of range"));
        }
        let mut columns = Vec::with_capacity(spreads.len());
        for ((spread, season), learned) in spreads.into_iter().zip(seasons.rows()).zip(learned.rows()) {
            let gains = Gains { level: learned[0], trend: learned[1], season: learned[2] };
            let start = Start { trend: learned[3], season: season.to_vec() };
            let column = Seasonal { spread, start, gains, sigma: learned[4], naive_sigma: learned[5] };
            let sound = learned.iter().take(3).all(|gain| (0.0..=1.0).contains(gain));
            if !sound || column.sigma < 1e-9 || column.naive_sigma < 1e-9 {
                return Err(DetectorError::artifact("it has a gain or a standard deviation that is out of range"));
            }
            columns.push(column);
        }
        Ok(Box::new(Columns(columns)))
    }
}

impl Gains {
    /// Level, trend and season: as given, slow, or `None` where they are to be fitted.
    fn given(hyperparameters: &Hyperparameters, period: usize) -> Result<[Option<f64>; 3], DetectorError> {
        let fitted = hyperparameters.text("gains")? == "fitted";
        let gain = |name: &str, slow: f64| {
            let given = hyperparameters.optional_number(name)?;
            Ok(given.or((!fitted).then_some(slow)))
        };
        // Without a season its gain would only make the level follow faster.
        let season = if period < 2 { Some(0.0) } else { gain("smoothing_seasonal", 0.1)? };
        Ok([gain("smoothing_level", 0.1)?, gain("smoothing_trend", 0.01)?, season])
    }
}

/// Rows of a season, 1 for none.
fn season_of(frame: &Frame, hyperparameters: &Hyperparameters) -> Result<usize, DetectorError> {
    let Some(period) = hyperparameters.optional_integer("period")? else {
        return Ok(season(&standardized(frame)).unwrap_or(1));
    };
    if period > 1 && frame.n_rows() < 2 * period {
        let message = format!("{} rows are fewer than two seasons of {period}; append more rows", frame.n_rows());
        return Err(DetectorError::hyperparameter("period", message));
    }
    Ok(period)
}

/// One column.
#[derive(Debug)]
struct Seasonal {
    spread: Spread,
    start: Start,
    gains: Gains,
    /// Standard deviations of the errors of the forecast, and of the differences of neighbours, in units of the spread.
    sigma: f64,
    naive_sigma: f64,
}

impl Model for Seasonal {
    type Chart<'a> = Follower<'a>;

    fn start(&self) -> Follower<'_> {
        Follower { model: self, first: Vec::new(), state: None }
    }

    fn save(columns: &[Self]) -> BTreeMap<String, Tensor> {
        let period = columns.first().map_or(1, |column| column.start.season.len());
        let seasons = Array2::from_shape_fn((columns.len(), period), |(column, at)| columns[column].start.season[at]);
        let learned = Array2::from_shape_fn((columns.len(), 6), |(column, which)| {
            let Self { gains, start, sigma, naive_sigma, .. } = &columns[column];
            [gains.level, gains.trend, gains.season, start.trend, *sigma, *naive_sigma][which]
        });
        let mut tensors = spread::tensors("center", columns.iter().map(|column| column.spread));
        tensors.insert("period".into(), Tensor::indices(vec![period as u32]));
        tensors.insert("season".into(), Tensor::matrix(&seasons));
        tensors.insert("learned".into(), Tensor::matrix(&learned));
        tensors
    }

    fn parameters(columns: &[Self]) -> BTreeMap<String, Value> {
        let scaled = |of: fn(&Self) -> f64| shown(columns, move |column| json!(of(column) * column.spread.scale));
        BTreeMap::from([
            ("period_".to_string(), json!(columns.first().map(|column| column.start.season.len()))),
            ("smoothing_level_".to_string(), shown(columns, |column| json!(column.gains.level))),
            ("smoothing_trend_".to_string(), shown(columns, |column| json!(column.gains.trend))),
            ("smoothing_seasonal_".to_string(), shown(columns, |column| json!(column.gains.season))),
            ("trend_".to_string(), scaled(|column| column.start.trend)),
            ("sigma_".to_string(), scaled(|column| column.sigma)),
        ])
    }
}

/// A column on its way.
#[derive(Debug, Clone)]
struct Follower<'a> {
    model: &'a Seasonal,
    /// Values of the first season, in units of the spread, until it is complete.
    first: Vec<f64>,
    state: Option<Smoothed>,
}

impl Follower<'_> {
    /// Expected value and standard deviation of its error, in units of the spread.
    fn next(&self) -> (f64, f64) {
        match (&self.state, self.first.last()) {
            (Some(state), _) => (state.expect(), self.model.sigma),
            (None, Some(last)) => (last + self.model.start.trend, self.model.naive_sigma),
            (None, None) => (0.0, 1.0),
        }
    }
}

impl Chart for Follower<'_> {
    fn push(&mut self, x: f64) -> f64 {
        let z = self.model.spread.z(x);
        let (mean, deviation) = self.next();
        match &mut self.state {
            Some(state) => {
                state.take(z);
            }
            None => {
                self.first.push(z);
                if self.first.len() == self.model.start.season.len() {
                    let first = std::mem::take(&mut self.first);
                    self.state = Some(Smoothed::after(&first, &self.model.start, self.model.gains));
                }
            }
        }
        (z - mean).abs() / deviation
    }

    fn expect(&self) -> Option<Expected> {
        let (mean, deviation) = self.next();
        let Spread { scale, .. } = self.model.spread;
        Some(Expected { mean: self.model.spread.value(mean), deviation: (deviation * scale).min(f64::MAX) })
    }
}
