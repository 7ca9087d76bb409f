use super::*;
use crate::series::fft::tests::naive;

fn values(n: usize) -> Vec<f64> {
    (0..n)
        .map(|i| (i as f64 / 5.0).sin() + (i * 37 % 101) as f64 / 500.0 + if i == n / 2 { 5.0 } else { 0.0 })
        .collect()
}

/// The formula step by step, with the definition of the transform.
fn by_definition(values: &[f64], window_amp: usize) -> Vec<f64> {
    let n = values.len();
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let unit: Vec<Complex> = values.iter().map(|x| Complex { re: (x - low) / (high - low), im: 0.0 }).collect();
    let spectrum = naive(&unit);
    let logs: Vec<f64> = spectrum.iter().map(|value| value.abs().ln()).collect();
    let half = &logs[1..=n / 2];
    let average = |k: usize| {
        let first = k as isize - (window_amp as isize - 1) / 2;
        let at = |i: isize| match i {
            ..0 => unit[0].re,
            i => half.get(i as usize).copied().unwrap_or(unit[n - 1].re),
        };
        (first..first + window_amp as isize).map(at).sum::<f64>() / window_amp as f64
    };
    let residual = |k: usize| if k == 0 { 0.0 } else { logs[k] - average(k.min(n - k) - 1) };
    let kept = |k: usize| {
        let phase = spectrum[k].im.atan2(spectrum[k].re);
        Complex { re: residual(k).exp() * phase.cos(), im: residual(k).exp() * phase.sin() }
    };
    // The inverse transform is the transform of the conjugates, over n.
    let conjugates: Vec<Complex> = (0..n).map(|k| kept(k).conj()).collect();
    naive(&conjugates).into_iter().map(|value| value.abs() / n as f64).collect()
}

#[test]
fn agrees_with_the_formula() {
    for (n, window_amp) in [(97, 3), (128, 100), (360, 20), (255, 1), (2, 3)] {
        let values = values(n);
        let found = Transform::new(n, window_amp).saliency(values.iter().copied());
        for (found, expected) in found.iter().zip(by_definition(&values, window_amp)) {
            assert!((found - expected).abs() < 1e-6, "{n}, {window_amp}: {found} is not {expected}");
        }
    }
}

fn saliency(window: Option<usize>, window_local: usize) -> Saliency {
    Saliency { n_features: 1, window, window_amp: 20, window_local, n_extrapolated: 5 }
}

#[test]
fn a_spike_stands_out() {
    let values = values(500);
    for window_local in [0, 21] {
        let whole = saliency(None, window_local).whole(&values);
        let causal = saliency(Some(123), window_local).causal(&values, 123, &Context::quiet(0)).unwrap();
        // From the past alone, most things are new once.
        for (scores, most) in [(whole, 0), (causal, 25)] {
            let higher = scores.iter().filter(|score| **score > scores[250]).count();
            assert!(higher <= most, "{window_local}: {higher} rows score higher than the spike");
        }
    }
}

#[test]
fn the_series_is_continued_along_its_slope() {
    assert_eq!(extrapolate(&[9.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0]), 6.0);
    assert_eq!(extrapolate(&[2.0; 10]), 2.0);
}
