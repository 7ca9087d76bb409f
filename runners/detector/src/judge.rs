//! What a set of scores amounts to: metrics where there are labels, and figures.

use std::collections::BTreeMap;

use crate::evaluation::{self, classification, series};
use crate::reasons::RowReasons;
use crate::{Classified, Figure, Frame, InputKind, Target, figures};

/// Rows to either side that a range may be found early or late by, where a series has no window or period of its own.
const TOLERANCE: usize = 100;

/// The longest tolerance, which is the longest period that is looked for. What a detector remembers may be far longer, and
/// the time of the volume metrics grows with it.
const MAX_TOLERANCE: usize = 303;

/// Rows with their scores.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judged<'a> {
    /// As they came, features derived or not: for their labels, times and what is drawn of them.
    pub(crate) rows: &'a Frame,
    pub(crate) scores: &'a [f64],
    pub(crate) threshold: f64,
    pub(crate) input_kind: InputKind,
    /// What a supervised detector takes the rows to be.
    pub(crate) classified: Option<&'a Classified>,
}

impl Judged<'_> {
    /// What [`evaluation::evaluate`] gives for labelled rows, [`series::evaluate_series`] for those of series and
    /// [`classification::evaluate_classes`] for classes. `parameters` are the detector's: a series' window is its tolerance.
    pub(crate) fn metrics(&self, parameters: &BTreeMap<String, serde_json::Value>) -> BTreeMap<String, f64> {
        let Some(labels) = self.rows.labels() else { return BTreeMap::new() };
        let mut metrics = evaluation::evaluate(self.scores, labels, self.threshold);
        if self.input_kind == InputKind::Series {
            let window = ["window_", "period_"].iter().find_map(|name| parameters.get(*name)?.as_u64());
            let window = window.map_or(TOLERANCE, |window| window.min(MAX_TOLERANCE as u64) as usize);
            metrics.extend(series::evaluate_series(self.scores, labels, self.threshold, window));
        }
        if let (Some(classified), Some(target)) = (self.classified, self.rows.target()) {
            metrics.extend(classification::evaluate_classes(&target, classified));
        }
        metrics
    }

    /// The figures that every detector has, and those that classes allow.
    pub(crate) fn figures(&self) -> Vec<Figure> {
        let mut all = figures::all(self.scores, self.rows, self.threshold, self.input_kind);
        let labels = evaluation::labels_at(self.scores, self.threshold);
        if self.rows.n_features() > 0 {
            all.push(figures::outcome::outliers_by_column(self.rows, &labels));
        }
        if let (Some(classified), Some(target)) = (self.classified, self.rows.target()) {
            all.extend(of_classes(&target, classified));
        }
        all
    }
}

fn of_classes(target: &Target, classified: &Classified) -> [Figure; 2] {
    let matched = classification::matched(target, classified);
    let counts = classification::confusion_matrix(&matched.truth, &matched.predicted, matched.names.len());
    let coded = figures::classes::Coded { names: &matched.names, codes: &matched.predicted };
    [figures::classes::confusion_matrix(&matched.names, &counts), figures::classes::transition_matrix(coded)]
}

/// Which columns set the anomalies apart.
pub(crate) fn figure_of_reasons(reasons: &RowReasons) -> Option<Figure> {
    let totals = reasons.totals();
    let n_rows = reasons.rows.len() as f64;
    let names: Vec<String> = totals.iter().map(|(name, _)| (*name).to_owned()).collect();
    let shares: Vec<f64> = totals.iter().map(|(_, total)| total / n_rows).collect();
    (!reasons.rows.is_empty()).then(|| {
        let mut figure = figures::classes::feature_importance(&names, &shares);
        figure.name = "reasons".into();
        figure.title = "Reasons of the anomalies: mean share of each column".into();
        figure.spec["title"] = figure.title.clone().into();
        figure
    })
}
