//! A runner with a detector of one's own, in one file. docs/add-a-detector.md goes through it from top to bottom.

use std::collections::BTreeMap;
use std::process::ExitCode;

use nunatak_detector::ndarray::{Array2, Axis};
use nunatak_detector::random::shuffled;
use nunatak_detector::serde_json::{Value, json};
use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, SavedState, Standardization, Tensor,
};

fn main() -> ExitCode {
    nunatak_worker::main(vec![Box::new(Anne)])
}

/// Average distance to the nearest row of many small samples.
#[derive(Debug)]
struct Anne;

impl Detector for Anne {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "anne".into(),
            version: "1.0.0".into(),
            title: "Nearest neighbour in small samples".into(),
            summary: "For many rows, where looking for neighbours among all of them takes too long.".into(),
            description: "\
aNNE (Ting, Washio, Wells and Aryal, *Defying the gravity of learning curve: a characteristic of nearest neighbour \
anomaly detectors*, Machine Learning 106, 2017).

Draws `n_samples` samples of `sample_size` training rows. score = the mean, over the samples, of the Euclidean distance to \
the nearest row of the sample. In training a row is not its own neighbour. Columns are standardised first."
                .into(),
            input_kind: InputKind::Tabular,
            learning: Learning::Unsupervised,
            reasons: Reasons::LeaveOneFeatureOut,
            cost: "Fit O(d n); scoring O(d s t) a row for t samples of s rows; the version holds s t rows.".into(),
            source: "Ting, Washio, Wells and Aryal, *Defying the gravity of learning curve*, 2017.".into(),
            hyperparameters: HyperparameterSchema::new()
                .integer("n_samples", 100, 1..=1_000, "How many samples are drawn. More make scores steadier.")
                .integer("sample_size", 8, 2..=1_000, "Rows in a sample. Few are enough, and often better than many.")
                .random_state()
                .build(),
        }
    }

    fn fit(
        &self,
        frame: &Frame,
        hyperparameters: &Hyperparameters,
        ctx: &Context<'_>,
    ) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let (n_samples, seed) = (hyperparameters.integer("n_samples")?, hyperparameters.seed(ctx)?);
        // One row must be left when a training row is not compared with itself.
        let sample_size = hyperparameters.integer("sample_size")?.min(frame.n_rows());
        let scaling = Standardization::fit(frame.values());
        let table = scaling.apply(frame.values());
        let mut drawn = Vec::with_capacity(n_samples * sample_size);
        for sample in 0..n_samples {
            ctx.check_cancelled()?;
            ctx.report(sample as f64 / n_samples as f64, "drawing samples");
            let order = shuffled(frame.n_rows(), seed.wrapping_add(sample as u64));
            drawn.extend(order.into_iter().take(sample_size).map(|row| row as u32));
        }
        let rows = drawn.iter().map(|row| *row as usize).collect::<Vec<_>>();
        let points = table.select(Axis(0), &rows);
        Ok(Box::new(Samples { scaling, points, drawn, sample_size }))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let scaling = artifact.header.preprocessing.clone();
        let scaling = scaling.ok_or_else(|| DetectorError::artifact("it has no standardisation"))?;
        let points = artifact.matrix("points", artifact.header.n_features())?;
        let drawn = artifact.indices("drawn")?.to_vec();
        let hyperparameters = artifact.header.resolve_hyperparameters(&self.spec().hyperparameters)?;
        let n_samples = hyperparameters.integer("n_samples")?;
        // The file may come from anywhere: what does not fit together is refused here, not found out in a score.
        if drawn.len() != points.nrows() || points.nrows() == 0 || !points.nrows().is_multiple_of(n_samples) {
            return Err(DetectorError::artifact("its samples do not have the size that they should"));
        }
        Ok(Box::new(Samples { scaling, sample_size: points.nrows() / n_samples, points, drawn }))
    }
}

/// What was learned: the rows of all samples, one sample after another.
#[derive(Debug)]
struct Samples {
    scaling: Standardization,
    /// Standardised, shape (n_samples * sample_size, n_features).
    points: Array2<f64>,
    /// Which training row each point is.
    drawn: Vec<u32>,
    sample_size: usize,
}

impl FittedDetector for Samples {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        self.distances(frame, |_| None, ctx)
    }

    fn training_scores(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        self.distances(frame, |row| Some(row as u32), ctx)
    }

    fn save(&self) -> SavedState {
        let tensors = [("points", Tensor::matrix(&self.points)), ("drawn", Tensor::indices(self.drawn.clone()))];
        SavedState {
            tensors: tensors.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect(),
            preprocessing: Some(self.scaling.clone()),
        }
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        BTreeMap::from([("sample_size_".to_owned(), json!(self.sample_size))])
    }
}

impl Samples {
    /// The mean distance of each row to the nearest point of each sample; `own` says which training row a row is.
    fn distances(
        &self,
        frame: &Frame,
        own: impl Fn(usize) -> Option<u32>,
        ctx: &Context<'_>,
    ) -> Result<Vec<f64>, DetectorError> {
        let mut scaled = vec![0.0; frame.n_features()];
        let mut scores = Vec::with_capacity(frame.n_rows());
        for row in 0..frame.n_rows() {
            // Often enough to stop within a blink, seldom enough to cost nothing.
            if row % 256 == 0 {
                ctx.check_cancelled()?;
            }
            self.scaling.apply_row(frame.row(row), &mut scaled);
            scores.push(self.mean_nearest(&scaled, own(row)));
        }
        Ok(scores)
    }

    fn mean_nearest(&self, row: &[f64], own: Option<u32>) -> f64 {
        let width = row.len();
        let points = self.points.as_slice().unwrap_or_default();
        let samples = points.chunks_exact(self.sample_size * width).zip(self.drawn.chunks_exact(self.sample_size));
        let (mut sum, mut n_samples) = (0.0, 0.0);
        for (points, drawn) in samples {
            let others = points.chunks_exact(width).zip(drawn).filter(|(_, point)| Some(**point) != own);
            let nearest = others.map(|(point, _)| distance(row, point)).fold(f64::INFINITY, f64::min);
            // Infinite where the sample is the row alone, or the distance overflows.
            if nearest.is_finite() {
                sum += nearest;
                n_samples += 1.0;
            }
        }
        if n_samples > 0.0 { (sum / n_samples).min(f64::MAX) } else { f64::MAX }
    }
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use nunatak_detector::{CsvOptions, testing, train};

    use super::*;

    #[test]
    fn keeps_what_detectors_promise() {
        testing::keeps_all_promises(&Anne, &json!({"n_samples": 20}));
    }

    #[test]
    fn finds_the_anomalies_of_real_tables() {
        for (name, least) in [("thyroid", 0.95), ("cardio", 0.87), ("shuttle", 0.98)] {
            let file = std::fs::File::open(format!("../data/{name}.csv")).unwrap();
            let options = CsvOptions { label_column: Some("label".into()), ..CsvOptions::default() };
            let frame = Frame::from_csv(file, &options).unwrap();
            let roc_auc = train(&Anne, &frame, &json!({}), &Context::quiet(0)).unwrap().metrics["roc_auc"];
            assert!(roc_auc > least, "{name}: {roc_auc}");
        }
    }

    #[test]
    fn a_row_is_as_far_as_the_nearest_point_of_each_sample() {
        let points = Array2::from_shape_vec((4, 1), vec![0.0, 10.0, 4.0, 5.0]).unwrap();
        let samples =
            Samples { scaling: Standardization::identity(1), points, drawn: vec![0, 1, 2, 3], sample_size: 2 };
        assert_eq!(samples.mean_nearest(&[1.0], None), (1.0 + 3.0) / 2.0);
        // As training row 0 it is not its own neighbour.
        assert_eq!(samples.mean_nearest(&[1.0], Some(0)), (9.0 + 3.0) / 2.0);
    }
}
