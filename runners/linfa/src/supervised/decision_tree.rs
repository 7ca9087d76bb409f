//! A single classification tree.

use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons,
};

use super::cart::{Growth, Limits};
use super::classes::Classes;
use super::ensemble::Ensemble;
use super::ranks::Ranks;

const DESCRIPTION: &str = "\
A classification tree (Breiman, Friedman, Olshen and Stone, *Classification and Regression Trees*, 1984). Each split is the \
threshold on one feature that lowers the impurity of the classes most: Gini impurity 1 - sum of p_c^2, or entropy \
-sum of p_c log2 p_c. The probabilities of a leaf are the fractions of its training rows.

The score is 1 - P(normal), where a class is normal when its name is `0`, `normal`, `none`, `ok`, `healthy`, `no`, `false` \
or `inlier`, in any case. When no class is normal, the score is 1 - the highest probability: how uncertain the class is.

As scikit-learn's `DecisionTreeClassifier`, with two departures: of splits that are equally good it takes the lowest \
feature and threshold where scikit-learn draws one, so equal data give equal trees; and no tree is deeper than 1000. A tree \
without limits grows until it knows its training rows by heart, so the metrics of training flatter it: look at those of \
other data.";

/// The hyperparameters that a single tree and the trees of a forest share.
pub(super) fn tree_schema(schema: HyperparameterSchema) -> HyperparameterSchema {
    schema
        .choice("criterion", &["gini", "entropy"], "The impurity that splits are to lower.")
        .optional_integer("max_depth", 1..=1_000, "Splits on the way to a leaf; without it 1000.")
        .integer("min_samples_split", 2, 2..=1_000_000, "Rows that a node must have to be split.")
        .integer("min_samples_leaf", 1, 1..=1_000_000, "Rows that each side of a split must have.")
        .optional_integer(
            "max_leaf_nodes",
            2..=1_000_000,
            "Leaves of a tree; the best splits are made first. Without it as many as needed.",
        )
}

/// Detector `decision_tree`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DecisionTree;

impl Detector for DecisionTree {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "decision_tree".into(),
            version: "1.0.0".into(),
            title: "Decision tree".into(),
            summary: "For known faults with labelled rows, when the rules are to be read by people.".into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Tabular,
            learning: Learning::Supervised,
            reasons: Reasons::PathAttribution,
            cost:
                "Fit O(d n log n) for each level of the tree; scoring O(depth) a row; the version holds up to 2n nodes."
                    .into(),
            source: "Breiman, Friedman, Olshen and Stone, *Classification and Regression Trees*, 1984.".into(),
            hyperparameters: tree_schema(HyperparameterSchema::new()).build(),
        }
    }

    fn fit(
        &self,
        frame: &Frame,
        hyperparameters: &Hyperparameters,
        ctx: &Context<'_>,
    ) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let (classes, codes) = Classes::of(frame)?;
        ctx.check_cancelled()?;
        let growth = Growth {
            ranks: &Ranks::of_frame(frame),
            codes: &codes,
            weights: &vec![1; codes.len()],
            n_classes: classes.len(),
            limits: Limits::read(hyperparameters)?,
            drawn_features: None,
        };
        let grown = growth.grow(ctx, &|fraction| ctx.report(fraction, "growing the tree"))?;
        ctx.check_cancelled()?;
        Ok(Box::new(Ensemble::new(vec![grown], classes, frame.columns(), None)))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let ensemble = Ensemble::load(artifact, None)?;
        if ensemble.trees.len() != 1 {
            return Err(DetectorError::artifact("it has more than one tree"));
        }
        Ok(Box::new(ensemble))
    }
}
