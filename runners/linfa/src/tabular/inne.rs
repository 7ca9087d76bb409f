//! Isolation by nearest-neighbour ensembles.

use std::collections::BTreeMap;

use ndarray::Array2;
use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, SavedState, Tensor,
};
use rand::seq::index;
use rayon::prelude::*;
use serde_json::{Value, json};

use crate::random::generator;
use crate::rows::score_rows;
use crate::scaling::Scaling;

const DESCRIPTION: &str = "\
iNNE (Bandaragoda et al., *Isolation-based anomaly detection using nearest-neighbor ensembles*, Computational Intelligence 34, \
2018). Each of `n_estimators` members draws `max_samples` rows and puts a ball around each, whose radius τ is the distance to \
the nearest other drawn row. A row in some ball belongs to the smallest ball that holds it, of centre c, and its score is \
1 - τ(nearest neighbour of c) / τ(c); a row outside all balls has 1. The score is the mean over the members, from 0 to 1.

As in PyOD, τ in the ratio is the squared radius, and 2.2e-16 is added to both so that equal rows divide. Distances are \
computed term by term, not from a matrix product, so a row scores alone as it does in a batch.";

/// Centres of which distances are computed side by side.
const LANES: usize = 8;

/// Detector `inne`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inne;

impl Detector for Inne {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "inne".into(),
            version: "1.0.0".into(),
            title: "Nearest-neighbour ensemble (iNNE)".into(),
            summary: "For local anomalies in tables too large for neighbour search; fitting does not grow with the rows.".into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Tabular,
            learning: Learning::Unsupervised,
            reasons: Reasons::LeaveOneFeatureOut,
            cost: "Fit O(t ψ² d), independent of n; scoring O(t ψ d) a row; the version holds t ψ rows.".into(),
            source: "Bandaragoda et al., *Isolation-based anomaly detection using nearest-neighbor ensembles*, Computational Intelligence 34, 2018.".into(),
            hyperparameters: HyperparameterSchema::new()
                .integer("n_estimators", 200, 1..=1_000, "Members of the ensemble. More vary less from seed to seed.")
                .integer("max_samples", 8, 2..=256, "Rows drawn for each member; at most the rows there are.")
                .standardize()
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
        let scaling = Scaling::fit(frame, hyperparameters)?;
        let n_estimators = hyperparameters.integer("n_estimators")?;
        let n_samples = hyperparameters.integer("max_samples")?.min(frame.n_rows());
        let seed = hyperparameters.seed(ctx)?;
        let drawn: Vec<usize> = (0..n_estimators as u64)
            .flat_map(|member| index::sample(&mut generator(seed, member), frame.n_rows(), n_samples).into_vec())
            .collect();
        ctx.report(0.2, "measuring balls");
        ctx.check_cancelled()?;
        let mut centers = Array2::zeros((drawn.len(), frame.n_features()));
        for (row, mut center) in drawn.iter().zip(centers.rows_mut()) {
            let mut scaled = vec![0.0; frame.n_features()];
            scaling.row(frame.row(*row), &mut scaled);
            center.iter_mut().zip(scaled).for_each(|(center, x)| *center = x);
        }
        Ok(Box::new(Ensemble::new(scaling, centers, n_samples, ctx)?))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let hyperparameters = artifact.header.resolve_hyperparameters(&self.spec().hyperparameters)?;
        let centers = artifact.matrix("centers", artifact.header.n_features())?;
        let n_estimators = hyperparameters.integer("n_estimators")?;
        let n_samples = centers.nrows() / n_estimators;
        let most = hyperparameters.integer("max_samples")?;
        if n_samples < 2 || n_samples > most || centers.nrows() != n_samples * n_estimators {
            return Err(DetectorError::artifact("it does not have the drawn rows of each member"));
        }
        Ok(Box::new(Ensemble::new(Scaling::load(&artifact.header), centers, n_samples, &Context::quiet(0))?))
    }
}

/// The balls of one member, the smallest first: a row belongs to the first that holds it.
#[derive(Debug)]
struct Member {
    /// Shape (n_chunks, n_features, LANES): chunk after chunk of centres. What the last chunk has no centre for is infinite.
    centers: Vec<f64>,
    /// Squared radius of each ball; -1, which holds nothing, where there is no centre.
    radii: Vec<f64>,
    /// The score of a row that belongs to the ball; after the last of each chunk, that of a row that belongs to none.
    scores: Vec<[f64; LANES + 1]>,
}

impl Member {
    /// `centers` is row-major and has at least 2 rows of `width` values.
    fn new(centers: &[f64], width: usize) -> Self {
        let drawn: Vec<&[f64]> = centers.chunks_exact(width).collect();
        let nearest: Vec<(usize, f64)> = (0..drawn.len()).map(|own| nearest_other(own, &drawn)).collect();
        let mut order: Vec<usize> = (0..drawn.len()).collect();
        // Of balls of one size the first drawn stays first.
        order.sort_by(|a, b| nearest[*a].1.total_cmp(&nearest[*b].1));
        let n_chunks = drawn.len().div_ceil(LANES);
        let mut member = Self {
            centers: vec![f64::INFINITY; n_chunks * width * LANES],
            radii: vec![-1.0; n_chunks * LANES],
            scores: vec![[1.0; LANES + 1]; n_chunks],
        };
        for (place, idx) in order.into_iter().enumerate() {
            let (neighbor, radius) = nearest[idx];
            let chunk = &mut member.centers[place / LANES * width * LANES..];
            for (feature, x) in drawn[idx].iter().enumerate() {
                chunk[feature * LANES + place % LANES] = *x;
            }
            member.radii[place] = radius;
            member.scores[place / LANES][place % LANES] =
                1.0 - (nearest[neighbor].1 + f64::EPSILON) / (radius + f64::EPSILON);
        }
        member
    }

    fn score(&self, row: &[f64]) -> f64 {
        let chunks = self.centers.chunks_exact(row.len() * LANES).zip(self.radii.as_chunks::<LANES>().0);
        for ((centers, radii), scores) in chunks.zip(&self.scores) {
            let mut distances = [0.0; LANES];
            for (lanes, x) in centers.as_chunks::<LANES>().0.iter().zip(row) {
                for (sum, center) in distances.iter_mut().zip(lanes) {
                    *sum += (center - x) * (center - x);
                }
            }
            // One bit a ball and no branch: which ball it is cannot be foreseen.
            let holds = |lane: usize| u32::from(distances[lane] <= radii[lane]) << lane;
            let held = (0..LANES).fold(1 << LANES, |held, lane| held | holds(lane));
            let first = held.trailing_zeros() as usize;
            if first < LANES || self.scores.len() == 1 {
                return scores[first];
            }
        }
        1.0
    }
}

/// The nearest other of `drawn` and its squared distance, with the features added in order as in scoring.
fn nearest_other(own: usize, drawn: &[&[f64]]) -> (usize, f64) {
    let squared = |other: &[f64]| other.iter().zip(drawn[own]).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
    let others = drawn.iter().enumerate().filter(|(idx, _)| *idx != own).map(|(idx, other)| (idx, squared(other)));
    others.fold((own, f64::INFINITY), |best, next| if next.1 < best.1 { next } else { best })
}

#[derive(Debug)]
struct Ensemble {
    scaling: Scaling,
    /// The scaled drawn rows of all members, shape (n_estimators * n_samples, n_features).
    centers: Array2<f64>,
    n_samples: usize,
    members: Vec<Member>,
}

impl Ensemble {
    fn new(scaling: Scaling, centers: Array2<f64>, n_samples: usize, ctx: &Context<'_>) -> Result<Self, DetectorError> {
        let width = centers.ncols();
        let values = centers.as_slice().unwrap_or_default();
        let members: Result<Vec<Member>, DetectorError> = values
            .par_chunks_exact(n_samples * width)
            .map(|centers| {
                ctx.check_cancelled()?;
                Ok(Member::new(centers, width))
            })
            .collect();
        let members = members?;
        ctx.check_cancelled()?;
        let finite = |member: &Member| member.radii.iter().all(|radius| radius.is_finite());
        if !members.iter().all(finite) {
            return Err(DetectorError::numeric("squared distances overflow; standardise the features"));
        }
        Ok(Self { scaling, centers, n_samples, members })
    }
}

impl FittedDetector for Ensemble {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let scratch = || vec![0.0; frame.n_features()];
        score_rows(frame, ctx, scratch, |scaled, row| {
            self.scaling.row(row, scaled);
            self.members.iter().map(|member| member.score(scaled)).sum::<f64>() / self.members.len() as f64
        })
    }

    fn save(&self) -> SavedState {
        SavedState {
            tensors: BTreeMap::from([("centers".to_string(), Tensor::matrix(&self.centers))]),
            preprocessing: self.scaling.saved(),
        }
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        BTreeMap::from([
            ("n_estimators_".to_string(), json!(self.members.len())),
            ("max_samples_".to_string(), json!(self.n_samples)),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_of_one_member_by_hand() {
        // Radii 1, 1 and 3; the nearest neighbour of 4 is 1.
        let member = Member::new(&[0.0, 1.0, 4.0], 1);
        assert_eq!(member.score(&[0.4]), 0.0);
        assert!((member.score(&[5.0]) - (1.0 - 1.0 / 9.0)).abs() < 1e-12);
        assert_eq!(member.score(&[7.5]), 1.0);
        let duplicates = Member::new(&[2.0; 10], 1);
        assert_eq!((duplicates.score(&[2.0]), duplicates.score(&[2.1])), (0.0, 1.0));
    }
}
