//! Many classification trees, each on its own draw of the rows.

use std::sync::atomic::{AtomicUsize, Ordering};

use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons,
};
use rand::Rng;
use rand_xoshiro::Xoshiro256Plus;
use rayon::prelude::*;

use super::cart::{Grown, Growth, Limits};
use super::classes::Classes;
use super::decision_tree::tree_schema;
use super::ensemble::{Ensemble, OutOfBag};
use super::ranks::Ranks;
use crate::random::generator;

const DESCRIPTION: &str = "\
Random forest (Breiman, *Random forests*, Machine Learning 2001). Each tree is grown on as many rows as there are, drawn \
with replacement, and each of its splits chooses from a few features drawn at random. The probabilities are the means over \
the trees.

The score is 1 - P(normal), where a class is normal when its name is `0`, `normal`, `none`, `ok`, `healthy`, `no`, `false` \
or `inlier`, in any case. When no class is normal, the score is 1 - the highest probability: how uncertain the class is.

Equal to scikit-learn's `RandomForestClassifier` in distribution; random streams differ. The scores of the training rows, \
from which the threshold and the metrics of training come, are out-of-bag: each row is judged only by the trees that were \
grown without it, about a third of them.";

/// Detector `random_forest`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RandomForest;

impl Detector for RandomForest {
    fn spec(&self) -> DetectorSpec {
        let schema = HyperparameterSchema::new()
            .integer("n_estimators", 100, 1..=5_000, "Number of trees. More trees vary less from seed to seed.")
            .choice("max_features", &["sqrt", "log2", "all"], "How many features each split chooses from.")
            .boolean("bootstrap", true, "Draw the rows of each tree with replacement; else each tree gets all.");
        DetectorSpec {
            name: "random_forest".into(),
            version: "1.0.0".into(),
            title: "Random forest".into(),
            summary: "The first to try for known faults with labelled rows: accurate without tuning, needs no scaling."
                .into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Tabular,
            learning: Learning::Supervised,
            reasons: Reasons::PathAttribution,
            cost: "Fit O(t √d n log² n); scoring O(t log n) a row; the version holds t trees of up to 2n nodes.".into(),
            source: "Breiman, *Random forests*, Machine Learning 2001.".into(),
            hyperparameters: tree_schema(schema).random_state().build(),
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
        let limits = Limits::read(hyperparameters)?;
        let n_drawn = n_drawn(hyperparameters.text("max_features")?, frame.n_features());
        let n_estimators = hyperparameters.integer("n_estimators")?;
        let bootstrap = Bootstrap::new(hyperparameters, hyperparameters.seed(ctx)?, frame.n_rows())?;
        let ranks = Ranks::of_frame(frame);
        let done = AtomicUsize::new(0);
        let grown: Result<Vec<Grown>, DetectorError> = (0..n_estimators)
            .into_par_iter()
            .map(|tree| {
                let (weights, rng) = bootstrap.draw(tree);
                let growth = Growth {
                    ranks: &ranks,
                    codes: &codes,
                    weights: &weights,
                    n_classes: classes.len(),
                    limits,
                    drawn_features: Some((n_drawn, rng)),
                };
                let grown = growth.grow(ctx, &|_| ())?;
                ctx.report((done.fetch_add(1, Ordering::Relaxed) + 1) as f64 / n_estimators as f64, "growing trees");
                Ok(grown)
            })
            .collect();
        let grown = grown?;
        ctx.check_cancelled()?;
        let nodes: usize = grown.iter().map(|grown| grown.tree.nodes.len()).sum();
        if u32::try_from(nodes).is_err() {
            return Err(DetectorError::hyperparameter(
                "n_estimators",
                "the trees have more than 2^32 nodes together; grow fewer, or smaller ones with `min_samples_leaf`",
            ));
        }
        Ok(Box::new(Ensemble::new(grown, classes, frame.columns(), bootstrap.out_of_bag())))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let header = &artifact.header;
        let hyperparameters = header.resolve_hyperparameters(&self.spec().hyperparameters)?;
        let ctx = Context::quiet(header.seed);
        let n_rows = usize::try_from(header.trained_rows).unwrap_or(usize::MAX);
        let bootstrap = Bootstrap::new(&hyperparameters, hyperparameters.seed(&ctx)?, n_rows)?;
        Ok(Box::new(Ensemble::load(artifact, bootstrap.out_of_bag())?))
    }
}

/// How many features a split chooses from.
fn n_drawn(max_features: &str, n_features: usize) -> usize {
    let drawn = match max_features {
        "log2" => (n_features as f64).log2() as usize,
        "all" => n_features,
        _ => n_features.isqrt(),
    };
    drawn.max(1)
}

/// Which rows each tree gets. Drawn anew from the seed whenever it is asked for, so that a version need not store it.
#[derive(Debug, Clone, Copy)]
struct Bootstrap {
    seed: u64,
    n_rows: usize,
    replace: bool,
}

impl Bootstrap {
    fn new(hyperparameters: &Hyperparameters, seed: u64, n_rows: usize) -> Result<Self, DetectorError> {
        Ok(Self { seed, n_rows, replace: hyperparameters.boolean("bootstrap")? })
    }

    /// How often each row is drawn for a tree, and the generator for what the tree draws next.
    fn draw(&self, tree: usize) -> (Vec<u32>, Xoshiro256Plus) {
        let mut rng = generator(self.seed, tree as u64);
        if !self.replace {
            return (vec![1; self.n_rows], rng);
        }
        let mut drawn = vec![0; self.n_rows];
        (0..self.n_rows).for_each(|_| drawn[rng.gen_range(0..self.n_rows)] += 1);
        (drawn, rng)
    }

    fn out_of_bag(self) -> Option<Box<dyn OutOfBag>> {
        if self.replace { Some(Box::new(self)) } else { None }
    }
}

impl OutOfBag for Bootstrap {
    fn drawn(&self, tree: usize, n_rows: usize) -> Option<Vec<u32>> {
        (n_rows == self.n_rows).then(|| self.draw(tree).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_chooses_from_at_least_one_feature() {
        assert_eq!(["sqrt", "log2", "all"].map(|word| n_drawn(word, 1)), [1, 1, 1]);
        assert_eq!(["sqrt", "log2", "all"].map(|word| n_drawn(word, 21)), [4, 4, 21]);
    }
}
