//! Discords: windows of a series that resemble no other.

use std::collections::BTreeMap;

use ndarray::Array2;
use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, SavedState, Standardization, Tensor,
};
use serde_json::{Value, json};

use crate::series::profile::{Join, MAX_PAIRS, Windows};
use crate::series::windows::{check_length, cover, period};

const DESCRIPTION: &str = "\
Matrix profile (Yeh et al., *Matrix profile I: all pairs similarity joins for time series*, ICDM 2016), computed along \
diagonals as SCAMP does (Zimmerman et al., 2019). Each `window` of consecutive rows is scaled to mean 0 and standard \
deviation 1; its profile is the Euclidean distance to the window most like it, and the window with the greatest is the \
discord. A row's score is the mean over the windows that cover it, and of several columns the mean. Without `window` \
it is the period of the training series, as in `sub_pca`.

In training, each window is compared with the others of the series, save those that start within a quarter of a window \
(`exclusion_zone_`, rounded up), which are nearly the same rows. In scoring, `mode` says with what:
- `train`: with the windows of the training series, so that a score says how new a shape is and is on the scale that \
the threshold was set on. A training row scored again finds itself, at distance 0.
- `self_join`: with the other windows of the scored series, as in training. Finds what is odd in that series alone; a \
short series has few windows to resemble, so its scores are higher.

The shape alone counts: a change of level or size that leaves the shape does not show; for those take `sub_knn`. Two \
constant windows are at distance 0 and a constant one is at distance sqrt(window) of any other, as in stumpy.

Departs from the multidimensional matrix profile (Yeh et al., 2017): each column has a profile of its own, so that its \
share of the score is known.";

/// Squares of larger scaled values might overflow.
const LARGEST: f64 = 1e100;

/// Detector `matrix_profile`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MatrixProfile;

impl Detector for MatrixProfile {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "matrix_profile".into(),
            version: "1.0.0".into(),
            title: "Matrix profile (discords)".into(),
            summary: "For a repeating series: finds the stretch whose shape occurs nowhere else.".into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Series,
            learning: Learning::Unsupervised,
            reasons: Reasons::Exact,
            cost: "Fit O(n² d), scoring m rows O(n m d) whatever the window, refused above 2e10 pairs of rows; memory O(n d); the version holds the n d training values.".into(),
            source: "Yeh et al., *Matrix profile I: all pairs similarity joins for time series*, ICDM 2016.".into(),
            hyperparameters: HyperparameterSchema::new()
                .optional_integer("window", 3..=10_000, "Rows of a window. Null: the period of the training series.")
                .choice("mode", &["train", "self_join"], "What the windows of a scored series are compared with.")
                .build(),
        }
    }

    fn fit(
        &self,
        frame: &Frame,
        hyperparameters: &Hyperparameters,
        ctx: &Context<'_>,
    ) -> Result<Box<dyn FittedDetector>, DetectorError> {
        ctx.check_cancelled()?;
        let scaling = Standardization::fit(frame.values());
        let table = scaling.apply(frame.values());
        ctx.check_cancelled()?;
        ctx.report(0.5, "measuring the period");
        let window = hyperparameters.optional_integer("window")?.unwrap_or_else(|| period(&table).max(3));
        ctx.check_cancelled()?;
        let profiles = Profiles { scaling, table, window, self_join: hyperparameters.text("mode")? == "self_join" };
        check_self_join(frame, window)?;
        Ok(Box::new(profiles))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let hyperparameters = artifact.header.resolve_hyperparameters(&self.spec().hyperparameters)?;
        let window = artifact.indices_of("window", 1)?[0] as usize;
        let table = artifact.matrix("series", artifact.header.n_features())?;
        if window < 3 || window > table.nrows() || table.iter().any(|value| value.abs() > LARGEST) {
            return Err(DetectorError::artifact("its window or series is out of range"));
        }
        let scaling = artifact.header.standardization()?.clone();
        let self_join = hyperparameters.text("mode")? == "self_join";
        Ok(Box::new(Profiles { scaling, table, window, self_join }))
    }
}

/// Windows that start fewer rows apart than this or equally many are not compared; stumpy's default.
fn exclusion_zone(window: usize) -> usize {
    window.div_ceil(4)
}

/// Errors unless every window has another to be compared with and there are not too many pairs.
fn check_self_join(frame: &Frame, window: usize) -> Result<(), DetectorError> {
    let least = window + 2 * exclusion_zone(window) + 1;
    if frame.n_rows() < least {
        let message = format!(
            "the series has {} rows; comparing its windows of {window} rows with each other takes {least}; \
             append more rows or choose a smaller window",
            frame.n_rows()
        );
        return Err(DetectorError::data(message));
    }
    check_pairs(frame.n_rows(), frame.n_rows() / 2, frame.n_features())
}

fn check_pairs(left: usize, right: usize, n_columns: usize) -> Result<(), DetectorError> {
    let pairs = (left as u64).saturating_mul(right as u64).saturating_mul(n_columns as u64);
    if pairs <= MAX_PAIRS {
        return Ok(());
    }
    let message = format!(
        "{pairs} pairs of rows would have to be compared, more than {MAX_PAIRS}; take fewer rows or columns, or `sub_knn`"
    );
    Err(DetectorError::data(message))
}

#[derive(Debug)]
struct Profiles {
    /// Keeps squares in range; shapes do not depend on it.
    scaling: Standardization,
    /// The scaled training series.
    table: Array2<f64>,
    window: usize,
    self_join: bool,
}

impl Profiles {
    /// For each column, the scores of the rows.
    fn columns(&self, table: &Array2<f64>, join_self: bool, ctx: &Context<'_>) -> Result<Vec<Vec<f64>>, DetectorError> {
        let mut columns = Vec::with_capacity(table.ncols());
        for (at, column) in table.columns().into_iter().enumerate() {
            ctx.check_cancelled()?;
            ctx.report(at as f64 / table.ncols() as f64, "comparing windows");
            let windows = Windows::new(column.to_vec(), self.window);
            let profile = if join_self {
                Join::with_itself(&windows, exclusion_zone(self.window)).distances(ctx)?
            } else {
                let known = Windows::new(self.table.column(at).to_vec(), self.window);
                Join::with(&windows, &known).distances(ctx)?
            };
            columns.push(cover(&profile, self.window));
        }
        ctx.check_cancelled()?;
        Ok(columns)
    }

    fn of(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<Vec<f64>>, DetectorError> {
        check_length(frame, self.window)?;
        if self.self_join {
            check_self_join(frame, self.window)?;
        } else {
            check_pairs(frame.n_rows(), self.table.nrows(), frame.n_features())?;
        }
        self.columns(&self.scaled(frame)?, self.self_join, ctx)
    }

    fn scaled(&self, frame: &Frame) -> Result<Array2<f64>, DetectorError> {
        let table = self.scaling.apply(frame.values());
        let in_range = table.iter().all(|value| value.abs() <= LARGEST);
        if in_range { Ok(table) } else { Err(DetectorError::numeric("values are too large to be standardised")) }
    }
}

/// Row by row, the mean over the columns.
fn mean(columns: &[Vec<f64>]) -> Vec<f64> {
    let n_rows = columns.first().map_or(0, Vec::len);
    (0..n_rows).map(|row| columns.iter().map(|column| column[row]).sum::<f64>() / columns.len() as f64).collect()
}

impl FittedDetector for Profiles {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        Ok(mean(&self.of(frame, ctx)?))
    }

    fn training_scores(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        check_self_join(frame, self.window)?;
        Ok(mean(&self.columns(&self.scaled(frame)?, true, ctx)?))
    }

    fn save(&self) -> SavedState {
        let tensors = [("window", Tensor::indices(vec![self.window as u32])), ("series", Tensor::matrix(&self.table))];
        SavedState {
            tensors: tensors.map(|(name, tensor)| (name.to_string(), tensor)).into(),
            preprocessing: Some(self.scaling.clone()),
        }
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        BTreeMap::from([
            ("window_".to_string(), json!(self.window)),
            ("exclusion_zone_".to_string(), json!(exclusion_zone(self.window))),
            ("n_samples_fit_".to_string(), json!(self.table.nrows())),
        ])
    }

    fn contributions(
        &self,
        frame: &Frame,
        rows: &[usize],
        ctx: &Context<'_>,
    ) -> Result<Option<Array2<f64>>, DetectorError> {
        let columns = self.of(frame, ctx)?;
        let share = |(at, column): (usize, usize)| columns[column][rows[at]] / columns.len() as f64;
        Ok(Some(Array2::from_shape_fn((rows.len(), columns.len()), share)))
    }
}
