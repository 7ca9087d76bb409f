//! From what detectors give to what the API takes.

use std::collections::BTreeMap;

use nunatak_client::runner::{FigureInput, LiveMetricInput, MetricInput, NonFinite};
use nunatak_detector::Figure;

pub(crate) fn metrics(metrics: BTreeMap<String, f64>) -> Vec<MetricInput> {
    metrics.into_iter().map(|(key, value)| metric(key, value)).collect()
}

fn metric(key: String, value: f64) -> MetricInput {
    let (value, special) = by_name(value);
    MetricInput { key, value, special, step: 0.into() }
}

pub(crate) fn live_metric(key: String, value: f64, step: i64) -> LiveMetricInput {
    let (value, special) = by_name(value);
    LiveMetricInput { key, value, special, step: step.into() }
}

/// JSON has no NaN and no infinities: they travel by name.
fn by_name(value: f64) -> (Option<f64>, Option<NonFinite>) {
    let special = match value {
        value if value.is_nan() => Some(NonFinite::Nan),
        f64::INFINITY => Some(NonFinite::PosInf),
        f64::NEG_INFINITY => Some(NonFinite::NegInf),
        _ => None,
    };
    (special.is_none().then_some(value), special)
}

pub(crate) fn figures(figures: Vec<Figure>) -> Vec<FigureInput> {
    figures
        .into_iter()
        .map(|figure| FigureInput { name: figure.name, title: figure.title, spec: figure.spec })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_values_travel_by_name() {
        let special = |value| metric("m".into(), value).special;
        assert_eq!(special(f64::NAN), Some(NonFinite::Nan));
        assert_eq!(special(f64::NEG_INFINITY), Some(NonFinite::NegInf));
        let finite = metric("m".into(), 0.1);
        assert_eq!((finite.value, finite.special), (Some(0.1), None));
    }
}
