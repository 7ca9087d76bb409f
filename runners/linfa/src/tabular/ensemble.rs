//! Several detectors that vote.

use std::collections::BTreeMap;

use ndarray::{Array2, Axis};
use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, SavedState, Standardization, Tensor, find_detector,
};
use serde_json::{Value, json};

use super::ensemble_members::{MAX_MEMBERS, Member, NAME, candidates, names, read_manifest, write_manifest};

const DESCRIPTION: &str = "\
Combines the scores of several tabular detectors (Aggarwal and Sathe, *Theoretical foundations and algorithms for outlier \
ensembles*, SIGKDD Explorations 2015; Zhao et al., *SUOD: Accelerating large-scale unsupervised heterogeneous outlier \
detection*, MLSys 2021). `detectors` names them, separated by commas; each is trained on all rows at its default settings, \
with this version's `random_state`.

The members' scores have different units, so each is first compared with that member's training scores, which are frozen in \
the version:

- `average` (default): the mean over the members of (score - mean) / standard deviation.
- `maximum`: the largest of these.
- `rank`: the mean over the members of the fraction of training rows that score less (rows that score the same count half).

A feature's contribution is the sum of what it contributes to the members: those of a member are scaled so that their \
magnitudes add up to the magnitude of the member's part in the score; with `maximum` only the member with the largest counts. \
For members that do not split their score themselves, it is the fall of the score when the feature is put at its median. \
Departs from SUOD, which also replaces slow members by regressions of their scores: here every score is the member's own.";

/// Detector `ensemble`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ensemble;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Combination {
    Average,
    Maximum,
    Rank,
}

impl Combination {
    fn read(hyperparameters: &Hyperparameters) -> Result<Self, DetectorError> {
        match hyperparameters.text("combination")? {
            "maximum" => Ok(Self::Maximum),
            "rank" => Ok(Self::Rank),
            _ => Ok(Self::Average),
        }
    }
}

impl Detector for Ensemble {
    fn spec(&self) -> DetectorSpec {
        let mut hyperparameters = HyperparameterSchema::new()
            .choice("combination", &["average", "maximum", "rank"], "How scores are combined; see the description.")
            .random_state()
            .build();
        hyperparameters["properties"]["detectors"] = json!({
            "type": "string",
            "default": "isolation_forest, copod, mahalanobis, hbos",
            "description": "Names of tabular detectors, separated by commas.",
        });
        DetectorSpec {
            name: NAME.into(),
            version: "1.0.0".into(),
            title: "Ensemble".into(),
            summary: "Several detectors that vote: steadier than each of them when it is not known which one fits.".into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Tabular,
            learning: Learning::Unsupervised,
            reasons: Reasons::LeaveOneFeatureOut,
            cost: "The sum over its members; with `rank` the version also holds their n training scores.".into(),
            source: "Aggarwal and Sathe, *Theoretical foundations and algorithms for outlier ensembles*, SIGKDD Explorations 2015.".into(),
            hyperparameters,
        }
    }

    fn fit(
        &self,
        frame: &Frame,
        hyperparameters: &Hyperparameters,
        ctx: &Context<'_>,
    ) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let combination = Combination::read(hyperparameters)?;
        let random_state = hyperparameters.optional_integer("random_state")?.unwrap_or(0);
        let names = names(hyperparameters.text("detectors")?)?;
        let detectors = candidates();
        let mut members = Vec::with_capacity(names.len());
        let mut scores = Array2::zeros((frame.n_rows(), names.len()));
        for (i, name) in names.iter().enumerate() {
            ctx.check_cancelled()?;
            let part = |fraction: f64, message: &str| {
                ctx.report((i as f64 + fraction) / names.len() as f64, &format!("{name}: {message}"));
            };
            let inner = Context { seed: ctx.seed, cancel: ctx.cancel.clone(), progress: &part, note: ctx.note };
            let detector = find_detector(&detectors, name)?;
            let (member, own) = Member::fit(detector, frame, random_state, &inner)?;
            members.push(member);
            scores.column_mut(i).assign(&ndarray::ArrayView1::from(&own));
        }
        let sorted = if combination == Combination::Rank { sorted_columns(&scores) } else { Array2::zeros((0, 0)) };
        ctx.check_cancelled()?;
        let typical = medians(frame);
        ctx.check_cancelled()?;
        Ok(Box::new(Vote { combination, members, scale: Standardization::fit(scores.view()), sorted, typical }))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let hyperparameters = artifact.header.resolve_hyperparameters(&self.spec().hyperparameters)?;
        let combination = Combination::read(&hyperparameters)?;
        let manifest = read_manifest(artifact)?;
        let n_members = manifest.len();
        let names: std::collections::BTreeSet<&str> = manifest.iter().map(|entry| entry.detector.as_str()).collect();
        if names.len() != n_members || n_members == 0 || n_members > MAX_MEMBERS {
            return Err(DetectorError::artifact("its list of members is empty, too long or names one twice"));
        }
        let detectors = candidates();
        let members: Result<Vec<Member>, DetectorError> =
            manifest.into_iter().map(|entry| Member::load(entry, artifact, &detectors)).collect();
        let scale = Standardization {
            mean: artifact.vector_of("score_mean", n_members)?.to_vec(),
            scale: artifact.vector_of("score_scale", n_members)?.to_vec(),
        };
        let sorted = match combination {
            Combination::Rank => {
                let n_rows = artifact.indices_of("n_rows", 1)?[0] as usize;
                artifact.matrix("sorted_scores", n_rows)?
            }
            _ => Array2::zeros((0, 0)),
        };
        let ascending = sorted.rows().into_iter().all(|row| row.iter().zip(row.iter().skip(1)).all(|(a, b)| a <= b));
        let ranks = combination != Combination::Rank || sorted.nrows() == n_members;
        if !ranks || !ascending || scale.scale.iter().any(|scale| *scale <= 0.0) {
            return Err(DetectorError::artifact("its frozen scores are not those of its members"));
        }
        let typical = artifact.vector_of("typical", artifact.header.n_features())?.to_vec();
        Ok(Box::new(Vote { combination, members: members?, scale, sorted, typical }))
    }
}

/// Each column of `scores` in ascending order, as a row.
fn sorted_columns(scores: &Array2<f64>) -> Array2<f64> {
    let mut sorted = scores.t().as_standard_layout().into_owned();
    for mut row in sorted.rows_mut() {
        if let Some(row) = row.as_slice_mut() {
            row.sort_unstable_by(f64::total_cmp);
        }
    }
    sorted
}

fn medians(frame: &Frame) -> Vec<f64> {
    let middle = frame.n_rows() / 2;
    let median =
        |column: ndarray::ArrayView1<'_, f64>| *column.to_vec().select_nth_unstable_by(middle, f64::total_cmp).1;
    frame.values().columns().into_iter().map(median).collect()
}

#[derive(Debug)]
struct Vote {
    combination: Combination,
    members: Vec<Member>,
    /// Mean and standard deviation of each member's training scores.
    scale: Standardization,
    /// Each member's training scores, ascending, shape (n_members, n_training_rows); empty but for `rank`.
    sorted: Array2<f64>,
    /// The median of each feature.
    typical: Vec<f64>,
}

impl Vote {
    /// A member's score in the common unit.
    fn common(&self, member: usize, score: f64) -> f64 {
        // No score of a real model comes near; of a forged one, the sum over the members stays finite.
        const LARGEST: f64 = 1e300;
        if self.combination == Combination::Rank {
            let sorted = self.sorted.row(member);
            let sorted = sorted.as_slice().unwrap_or_default();
            let less = sorted.partition_point(|x| *x < score);
            let up_to = sorted.partition_point(|x| *x <= score);
            return (less + up_to) as f64 / (2 * sorted.len()) as f64;
        }
        ((score - self.scale.mean[member]) / self.scale.scale[member]).clamp(-LARGEST, LARGEST)
    }

    /// The members' scores in the common unit, a column each.
    fn parts(&self, scores: Vec<Vec<f64>>) -> Array2<f64> {
        let n_rows = scores.first().map_or(0, Vec::len);
        Array2::from_shape_fn((n_rows, scores.len()), |(row, member)| self.common(member, scores[member][row]))
    }

    fn combine(&self, parts: &Array2<f64>) -> Vec<f64> {
        let n_members = parts.ncols() as f64;
        let combined = parts.rows().into_iter().map(|row| match self.combination {
            Combination::Maximum => row.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            _ => row.iter().map(|part| part / n_members).sum(),
        });
        combined.collect()
    }

    /// Each member's part in the combined score of a row.
    fn shares(&self, parts: ndarray::ArrayView1<'_, f64>) -> Vec<f64> {
        let largest = parts.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let share = |part: &f64| match self.combination {
            Combination::Maximum if *part < largest => 0.0,
            Combination::Maximum => *part,
            _ => part / parts.len() as f64,
        };
        parts.iter().map(share).collect()
    }
}

impl FittedDetector for Vote {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let scores: Result<_, DetectorError> =
            self.members.iter().map(|member| member.fitted.score(frame, ctx)).collect();
        Ok(self.combine(&self.parts(scores?)))
    }

    fn training_scores(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let scores: Result<_, DetectorError> =
            self.members.iter().map(|member| member.fitted.training_scores(frame, ctx)).collect();
        Ok(self.combine(&self.parts(scores?)))
    }

    fn save(&self) -> SavedState {
        let mut tensors = BTreeMap::from([
            ("members".to_string(), Tensor::indices(write_manifest(&self.members))),
            ("score_mean".to_string(), Tensor::vector(self.scale.mean.clone())),
            ("score_scale".to_string(), Tensor::vector(self.scale.scale.clone())),
            ("typical".to_string(), Tensor::vector(self.typical.clone())),
        ]);
        if self.combination == Combination::Rank {
            tensors.insert("sorted_scores".into(), Tensor::matrix(&self.sorted));
            tensors.insert("n_rows".into(), Tensor::indices(vec![self.sorted.ncols() as u32]));
        }
        for member in &self.members {
            let own = member.fitted.save().tensors.into_iter();
            tensors.extend(own.map(|(name, tensor)| (format!("{}/{name}", member.entry.detector), tensor)));
        }
        SavedState { tensors, preprocessing: None }
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        let of = |member: &Member| (member.entry.detector.clone(), json!(member.fitted.parameters()));
        BTreeMap::from([("members_".to_string(), json!(self.members.iter().map(of).collect::<BTreeMap<_, _>>()))])
    }

    fn contributions(
        &self,
        frame: &Frame,
        rows: &[usize],
        ctx: &Context<'_>,
    ) -> Result<Option<Array2<f64>>, DetectorError> {
        let chosen = frame.select_rows(rows);
        let scores: Result<_, DetectorError> =
            self.members.iter().map(|member| member.fitted.score(&chosen, ctx)).collect();
        let parts = self.parts(scores?);
        let mut sum = Array2::<f64>::zeros((rows.len(), frame.n_features()));
        for (i, member) in self.members.iter().enumerate() {
            let own = member.contributions(frame, rows, &self.typical, ctx)?;
            for ((mut sum, own), parts) in sum.rows_mut().into_iter().zip(own.rows()).zip(parts.axis_iter(Axis(0))) {
                let magnitude: f64 = own.iter().map(|x| x.abs()).sum();
                if magnitude > 0.0 && magnitude.is_finite() {
                    sum.scaled_add(self.shares(parts)[i].abs() / magnitude, &own);
                }
            }
        }
        Ok(Some(sum))
    }
}
