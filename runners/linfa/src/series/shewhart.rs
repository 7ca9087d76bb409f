//! Shewhart's control chart of individual values.

use std::collections::BTreeMap;

use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, Tensor,
};
use serde_json::{Value, json};

use crate::series::columns::{Chart, Columns, Model, fit_columns, shown};
use crate::series::spread::{self, Spread};

const DESCRIPTION: &str = "\
Control chart for individuals (Shewhart, *Economic control of quality of manufactured product*, 1931; Montgomery, \
*Introduction to statistical quality control*).

score = |x - mean| / sigma, so 1, 2 and 3 are the zones of the chart. Mean and sigma are those of the training series; \
sigma is the mean moving range over 2 / sqrt(pi) = 1.128, or with `sigma_method` `std` the standard deviation. Of \
several columns the largest score counts.

With `rules` the run rules of Western Electric (*Statistical quality control handbook*, 1956) are applied as well: 2 \
of 3 rows beyond 2 sigma, 4 of 5 beyond 1 sigma, 8 in a row, each on one side of the mean and the last row among them. \
A row at which a rule fires scores at least 3.001, just outside the 3-sigma limits.

The moving range only sees how neighbours differ: on a series that drifts slowly it is much smaller than the standard \
deviation. Where neighbours never differ, the standard deviation stands in, and on a constant column 1.";

/// Score of a row at which a run rule fires: above a threshold of three sigma.
const RULE_SCORE: f64 = 3.001;

/// Detector `shewhart`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shewhart;

impl Detector for Shewhart {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "shewhart".into(),
            version: "1.0.0".into(),
            title: "Shewhart control chart".into(),
            summary: "For single values far from a fixed mean, in sigmas that everyone on a shop floor can read."
                .into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Series,
            learning: Learning::Unsupervised,
            reasons: Reasons::Exact,
            cost: "Fit O(n d); scoring O(d) a row; the version holds 2 d numbers.".into(),
            source: "Shewhart, *Economic control of quality of manufactured product*, 1931.".into(),
            hyperparameters: HyperparameterSchema::new()
                .choice(
                    "sigma_method",
                    &["moving_range", "std"],
                    "Where sigma comes from: the mean moving range or the standard deviation of the training series.",
                )
                .boolean(
                    "rules",
                    false,
                    "Also score runs of rows on one side of the mean, as Western Electric's rules.",
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
        let rules = hyperparameters.boolean("rules")?;
        let method = sigma_method(hyperparameters)?;
        fit_columns(frame, ctx, |column| Ok(Individuals { spread: method(column), rules }))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let hyperparameters = artifact.header.resolve_hyperparameters(&self.spec().hyperparameters)?;
        let rules = hyperparameters.boolean("rules")?;
        let columns = Spread::load(artifact, "mean")?.into_iter().map(|spread| Individuals { spread, rules });
        Ok(Box::new(Columns(columns.collect())))
    }
}

/// The function that the hyperparameter `sigma_method` names.
pub(crate) fn sigma_method(hyperparameters: &Hyperparameters) -> Result<fn(&[f64]) -> Spread, DetectorError> {
    Ok(if hyperparameters.text("sigma_method")? == "std" { Spread::moments } else { Spread::moving_range })
}

/// One column.
#[derive(Debug)]
struct Individuals {
    spread: Spread,
    rules: bool,
}

impl Model for Individuals {
    type Chart<'a> = Zones;

    fn start(&self) -> Zones {
        Zones { spread: self.spread, rules: self.rules, runs: [0; 6] }
    }

    fn save(columns: &[Self]) -> BTreeMap<String, Tensor> {
        spread::tensors("mean", columns.iter().map(|column| column.spread))
    }

    fn parameters(columns: &[Self]) -> BTreeMap<String, Value> {
        let line = |sigmas: f64| shown(columns, move |column| json!(column.spread.value(sigmas)));
        let mut parameters = BTreeMap::from([
            ("center_line_".to_string(), line(0.0)),
            ("sigma_".to_string(), shown(columns, |column| json!(column.spread.scale))),
        ]);
        for sigmas in 1..=3 {
            parameters.insert(format!("lower_{sigmas}_sigma_"), line(-f64::from(sigmas)));
            parameters.insert(format!("upper_{sigmas}_sigma_"), line(f64::from(sigmas)));
        }
        parameters
    }
}

#[derive(Debug, Clone)]
struct Zones {
    spread: Spread,
    rules: bool,
    /// For more than 0, 1 and 2 sigma above, then below: which of the last eight rows were there, the last one in bit
    /// 0.
    runs: [u8; 6],
}

impl Zones {
    /// Notes a row and says whether a rule fires at it.
    fn fires(&mut self, z: f64) -> bool {
        for (i, run) in self.runs.iter_mut().enumerate() {
            let side = if i < 3 { z } else { -z };
            *run = *run << 1 | u8::from(side > (i % 3) as f64);
        }
        self.runs.chunks_exact(3).any(|run| {
            let of_last = |run: u8, rows: u32| if run & 1 == 0 { 0 } else { (run & ((1 << rows) - 1)).count_ones() };
            run[0] == u8::MAX || of_last(run[1], 5) >= 4 || of_last(run[2], 3) >= 2
        })
    }
}

impl Chart for Zones {
    fn push(&mut self, x: f64) -> f64 {
        let z = self.spread.z(x);
        if self.rules && self.fires(z) { z.abs().max(RULE_SCORE) } else { z.abs() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_fire_where_the_handbook_says() {
        let cases: [(&[f64], usize); 6] = [
            (&[0.5, 2.1, -0.3, 2.2], 3),
            (&[1.1, 0.2, 1.2, 1.3, 1.4], 4),
            (&[-0.1, -0.2, -0.1, -0.5, -0.1, -0.2, -0.3, -0.1], 7),
            (&[-2.5, -2.1], 1),
            // A row back inside the zone does not fire though two of the last three rows were outside.
            (&[2.1, 0.5, 2.2, 0.1, -0.1], 2),
            // Opposite sides do not add up.
            (&[2.5, -2.5, 0.1, 0.1], 4),
        ];
        for (values, first) in cases {
            let spread = Spread { center: 0.0, scale: 1.0 };
            let mut chart = Individuals { spread, rules: true }.start();
            let fired: Vec<bool> = values.iter().map(|z| chart.fires(*z)).collect();
            assert_eq!(fired.iter().position(|fired| *fired).unwrap_or(values.len()), first, "{values:?}");
            assert!(fired.iter().filter(|fired| **fired).count() <= 1, "{values:?}");
        }
    }
}
