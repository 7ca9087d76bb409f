//! Gaussian naive Bayes.

use std::collections::BTreeMap;

use ndarray::Array2;
use nunatak_detector::{
    Artifact, Classified, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, SavedState, Tensor,
};
use serde_json::{Value, json};

use super::classes::Classes;

const DESCRIPTION: &str = "\
Gaussian naive Bayes (Hastie, Tibshirani and Friedman, *The Elements of Statistical Learning*, section 6.6.3), as \
scikit-learn's `GaussianNB`. In each class every feature has a normal distribution of its own, independent of \
the others; log P(c | x) = log P(c) + sum over the features of log N(x_j; mean_cj, var_cj), normalised over the classes. \
P(c) is the fraction of the training rows. `var_smoothing` times the largest variance of any feature is added to all \
variances.

The score is 1 - P(normal), where a class is normal when its name is `0`, `normal`, `none`, `ok`, `healthy`, `no`, `false` \
or `inlier`, in any case. When no class is normal, the score is 1 - the highest probability: how uncertain the class is.

The reasons are the terms of the log-odds: for each feature log N under the most probable fault minus log N under the most \
probable normal class (without a normal class: under the runner-up minus under the most probable class).

Departures: tables with values beyond 1e150 are divided by a power of two first, a value more than 1e150 standard \
deviations away counts as 1e150 away, and a variance of 0 counts as the smallest positive number.";

/// Further away in standard deviations is as far as this: its square and their sum must be finite.
const FARTHEST: f64 = 1e150;

/// Detector `gaussian_nb`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GaussianNb;

impl Detector for GaussianNb {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "gaussian_nb".into(),
            version: "1.0.0".into(),
            title: "Gaussian naive Bayes".into(),
            summary:
                "For known faults with few labelled rows and bell-shaped features; the fastest of the classifiers."
                    .into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Tabular,
            learning: Learning::Supervised,
            reasons: Reasons::Exact,
            cost: "Fit O(n d); scoring O(k d) a row for k classes; the version holds 2 k d numbers.".into(),
            source:
                "Hastie, Tibshirani and Friedman, *The Elements of Statistical Learning*, 2nd ed. 2009, section 6.6.3."
                    .into(),
            hyperparameters: HyperparameterSchema::new()
                .number(
                    "var_smoothing",
                    1e-9,
                    0.0..=1.0,
                    "Fraction of the largest variance that is added to all variances.",
                )
                .build(),
        }
    }

    fn fit(
        &self,
        frame: &Frame,
        hyperparameters: &Hyperparameters,
        ctx: &Context<'_>,
    ) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let (classes, codes) = Classes::of(frame)?;
        let scale = scale(frame.as_slice());
        ctx.report(0.1, "measuring the classes");
        let one_class = vec![0; codes.len()];
        let overall = moments(frame, &one_class, 1, scale, ctx)?;
        let largest = overall.variances.iter().copied().fold(0.0, f64::max);
        let Moments { rows, means, mut variances } = moments(frame, &codes, classes.len(), scale, ctx)?;
        let added = hyperparameters.number("var_smoothing")? * largest;
        variances.mapv_inplace(|variance| (variance + added).max(f64::MIN_POSITIVE));
        ctx.check_cancelled()?;
        Ok(Box::new(Bayes::new(classes, rows, scale, means, variances)))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let classes = Classes::load(artifact)?;
        let n_features = artifact.header.n_features();
        let means = artifact.matrix("means", n_features)?;
        let variances = artifact.matrix("variances", n_features)?;
        let rows = artifact.indices_of("class_rows", classes.len())?.to_vec();
        let scale = artifact.vector_of("scale", 1)?[0];
        if means.nrows() != classes.len() || variances.nrows() != classes.len() {
            return Err(DetectorError::artifact("it does not have one distribution for each class"));
        }
        let positive = variances.iter().all(|variance| *variance >= f64::MIN_POSITIVE) && !rows.contains(&0);
        if !(positive && scale > 0.0 && scale <= 1.0) {
            return Err(DetectorError::artifact("it has a class without rows or a variance that is not positive"));
        }
        Ok(Box::new(Bayes::new(classes, rows, scale, means, variances)))
    }
}

/// What values are multiplied by before they are squared: 1, or a power of two that brings the largest down to 1e150.
fn scale(values: &[f64]) -> f64 {
    let largest = values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    if largest > FARTHEST { (FARTHEST / largest).log2().floor().exp2() } else { 1.0 }
}

/// Rows of each class, and mean and variance (divisor n) of each feature in it, shapes (n_classes, n_features).
struct Moments {
    rows: Vec<u32>,
    means: Array2<f64>,
    variances: Array2<f64>,
}

fn moments(
    frame: &Frame,
    codes: &[u32],
    n_classes: usize,
    scale: f64,
    ctx: &Context<'_>,
) -> Result<Moments, DetectorError> {
    let mut rows = vec![0_u32; n_classes];
    codes.iter().for_each(|code| rows[*code as usize] += 1);
    let (mut means, mut variances) =
        (Array2::zeros((n_classes, frame.n_features())), Array2::zeros((n_classes, frame.n_features())));
    accumulate(frame, codes, scale, ctx, &mut means, |x, _, sum| *sum += x)?;
    divide(&mut means, &rows);
    accumulate(frame, codes, scale, ctx, &mut variances, |x, at, sum| *sum += (x - means[at]).powi(2))?;
    divide(&mut variances, &rows);
    Ok(Moments { rows, means, variances })
}

/// Calls `add(value, [class, feature], sum)` for every value, row after row.
fn accumulate(
    frame: &Frame,
    codes: &[u32],
    scale: f64,
    ctx: &Context<'_>,
    sums: &mut Array2<f64>,
    add: impl Fn(f64, [usize; 2], &mut f64),
) -> Result<(), DetectorError> {
    for (idx, (row, code)) in frame.as_slice().chunks_exact(frame.n_features()).zip(codes).enumerate() {
        if idx % 4096 == 0 {
            ctx.check_cancelled()?;
        }
        let class = *code as usize;
        for (feature, (x, sum)) in row.iter().zip(sums.row_mut(class)).enumerate() {
            add(x * scale, [class, feature], sum);
        }
    }
    Ok(())
}

fn divide(sums: &mut Array2<f64>, rows: &[u32]) {
    for (mut sums, rows) in sums.rows_mut().into_iter().zip(rows) {
        sums /= f64::from(*rows);
    }
}

#[derive(Debug)]
struct Bayes {
    classes: Classes,
    rows: Vec<u32>,
    scale: f64,
    means: Array2<f64>,
    variances: Array2<f64>,
    /// log P(c) for each class.
    log_priors: Vec<f64>,
    /// For each class and feature 1 / standard deviation and -log(2 pi variance) / 2, in the order of `means`.
    inverse_deviations: Vec<f64>,
    log_norms: Vec<f64>,
}

impl Bayes {
    fn new(classes: Classes, rows: Vec<u32>, scale: f64, means: Array2<f64>, variances: Array2<f64>) -> Self {
        let total: f64 = rows.iter().map(|rows| f64::from(*rows)).sum();
        let log_priors = rows.iter().map(|rows| (f64::from(*rows) / total).ln()).collect();
        let inverse_deviations = variances.iter().map(|variance| variance.sqrt().recip()).collect();
        // The logarithm of a product would overflow for great variances.
        let log_norm = |variance: &f64| -0.5 * (std::f64::consts::TAU.ln() + variance.ln());
        let log_norms = variances.iter().map(log_norm).collect();
        Self { classes, rows, scale, means, variances, log_priors, inverse_deviations, log_norms }
    }

    /// log N(x) under class `class` of each feature of `row`.
    fn terms<'a>(&'a self, row: &'a [f64], class: usize) -> impl Iterator<Item = f64> + 'a {
        let range = class * row.len()..(class + 1) * row.len();
        let means = &self.means.as_slice().unwrap_or_default()[range.clone()];
        let (inverses, norms) = (&self.inverse_deviations[range.clone()], &self.log_norms[range]);
        row.iter().zip(means).zip(inverses.iter().zip(norms)).map(|((x, mean), (inverse, norm))| {
            // A product with 0 is 0 although the other factor may be infinite.
            let distance = x * self.scale - mean;
            let away = if distance == 0.0 { 0.0 } else { (distance * inverse).clamp(-FARTHEST, FARTHEST) };
            norm - 0.5 * away * away
        })
    }

    /// log P(c) + log P(x | c) of each class.
    fn joint(&self, row: &[f64], joint: &mut [f64]) {
        for (class, joint) in joint.iter_mut().enumerate() {
            *joint = self.log_priors[class] + self.terms(row, class).sum::<f64>();
        }
    }

    fn fill(&self, rows: &[f64], probabilities: &mut [f64]) {
        let n_features = self.means.ncols();
        for (row, probabilities) in
            rows.chunks_exact(n_features).zip(probabilities.chunks_exact_mut(self.classes.len()))
        {
            self.joint(row, probabilities);
            let highest = probabilities.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            probabilities.iter_mut().for_each(|joint| *joint = (*joint - highest).exp());
            let total: f64 = probabilities.iter().sum();
            probabilities.iter_mut().for_each(|probability| *probability /= total);
        }
    }
}

impl FittedDetector for Bayes {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        self.classes.score_rows(frame, ctx, |rows, probabilities| self.fill(rows, probabilities))
    }

    fn save(&self) -> SavedState {
        let mut tensors: BTreeMap<String, Tensor> = self.classes.save().into();
        tensors.insert("class_rows".into(), Tensor::indices(self.rows.clone()));
        tensors.insert("scale".into(), Tensor::vector(vec![self.scale]));
        tensors.insert("means".into(), Tensor::matrix(&self.means));
        tensors.insert("variances".into(), Tensor::matrix(&self.variances));
        SavedState { tensors, preprocessing: None }
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        BTreeMap::from([
            ("classes_".to_string(), json!(self.classes.names())),
            ("class_count_".to_string(), json!(self.rows)),
            ("class_prior_".to_string(), json!(self.log_priors.iter().map(|prior| prior.exp()).collect::<Vec<_>>())),
        ])
    }

    fn contributions(
        &self,
        frame: &Frame,
        rows: &[usize],
        ctx: &Context<'_>,
    ) -> Result<Option<Array2<f64>>, DetectorError> {
        ctx.check_cancelled()?;
        let mut contributions = Array2::zeros((rows.len(), frame.n_features()));
        let mut joint = vec![0.0; self.classes.len()];
        for (row, mut out) in rows.iter().zip(contributions.rows_mut()) {
            let row = frame.row(*row);
            self.joint(row, &mut joint);
            let against = self.classes.against(&joint);
            let best = |wanted: bool| {
                let classes = (0..joint.len()).filter(|class| against[*class] == wanted);
                classes.reduce(|best, class| if joint[class] > joint[best] { class } else { best })
            };
            // With normal classes alone there is nothing that a row could be instead.
            let (Some(fault), Some(normal)) = (best(true), best(false)) else { continue };
            for (out, (fault, normal)) in out.iter_mut().zip(self.terms(row, fault).zip(self.terms(row, normal))) {
                *out = fault - normal;
            }
        }
        Ok(Some(contributions))
    }

    fn classify(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Option<Classified>, DetectorError> {
        let probabilities =
            self.classes.probabilities(frame, ctx, |rows, probabilities| self.fill(rows, probabilities))?;
        Ok(Some(Classified { names: self.classes.names().to_vec(), probabilities }))
    }
}
