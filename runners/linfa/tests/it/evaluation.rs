//! Metrics of series against TSB-AD 1.5, on a score simple enough to compute here.

use nunatak_detector::Context;
use nunatak_detector::evaluation::series::{evaluate_series, volume_under_surface};

use crate::reference::series;

/// Series, period, VUS-PR and VUS-ROC of |x - median| / MAD in TSB-AD, to four decimals.
const MAD_GLOBAL: [(&str, usize, f64, f64); 5] = [
    ("art_daily_jumpsup", 288, 0.3966, 0.6443),
    ("ec2_request_latency_system_failure", 6, 0.1280, 0.5088),
    ("machine_temperature_system_failure", 125, 0.6372, 0.8590),
    ("rds_cpu_utilization_cc0c53", 125, 0.3957, 0.8787),
    ("speed_7578", 34, 0.3823, 0.7133),
];

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0
}

#[test]
fn volumes_are_tsb_ads() {
    for (name, window, pr, roc) in MAD_GLOBAL {
        let Some(frame) = series(name) else { continue };
        let values = frame.as_slice();
        let centre = median(values.to_vec());
        let distances: Vec<f64> = values.iter().map(|x| (x - centre).abs()).collect();
        let mad = median(distances.clone());
        let scores: Vec<f64> = distances.iter().map(|distance| distance / mad).collect();
        let volume = volume_under_surface(&scores, frame.labels().unwrap(), window).unwrap();
        let close = (volume.pr - pr).abs() < 1e-4 && (volume.roc - roc).abs() < 1e-4;
        assert!(close, "{name}: {volume:?}, the reference has {pr} and {roc}");
    }
}

#[test]
fn a_good_series_detector_does_well_by_every_metric() {
    let frame = series("machine_temperature_system_failure").unwrap();
    let evaluate = |contamination: f64| {
        let settings = serde_json::json!({"contamination": contamination});
        let detector = crate::reference::detector("sub_pca");
        let trained = nunatak_detector::train(detector.as_ref(), &frame, &settings, &Context::quiet(0)).unwrap();
        evaluate_series(&trained.scores, frame.labels().unwrap(), trained.threshold, 125)
    };
    let metrics = evaluate(0.05);
    assert_eq!((metrics["ranges"], metrics["ranges_detected"]), (4.0, 4.0));
    assert!(metrics["vus_pr"] > 0.7113 - 0.02, "{metrics:?}");
    assert!(metrics["detection_delay_mean"] < 300.0, "{metrics:?}");
    // Every row of a late alarm costs, so NAB prefers a higher threshold.
    assert!(evaluate(0.005)["nab_score"] > metrics["nab_score"]);
}
