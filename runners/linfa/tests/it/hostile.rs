//! Artefacts from a stranger: an error or a model, never a panic. Many more cases than the test kit tries.

use nunatak_detector::{Context, Frame, predict};
use proptest::prelude::*;

use crate::reference::fit;

fn frame() -> Frame {
    let values = ndarray::Array2::from_shape_fn((60, 2), |(row, column)| ((row * (3 + column)) % 17) as f64);
    let labels = (0..60).map(|row| u8::from(row % 9 == 0)).collect();
    Frame::new(vec!["a".into(), "b".into()], values, None, Some(labels)).unwrap()
}

/// A small artefact of every detector.
fn artifacts() -> Vec<Vec<u8>> {
    let names = nunatak_linfa::all().into_iter().map(|detector| detector.spec().name);
    names.map(|name| fit(&name, &frame(), crate::settings::tiny(&name)).artifact).collect()
}

/// Loading and scoring must return; what they return is free.
fn survive(bytes: &[u8]) {
    let _ = predict(&nunatak_linfa::all(), bytes, &frame(), &Context::quiet(0));
}

#[test]
fn flipped_bits_and_truncation() {
    let artifacts = artifacts();
    let config = ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() };
    let strategy =
        (0..artifacts.len(), prop::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 1..5), any::<bool>());
    proptest!(config, |((which, flips, cut) in strategy)| {
        let mut bytes = artifacts[which].clone();
        for (at, bit) in &flips {
            bytes[at.index(artifacts[which].len())] ^= 1 << bit;
        }
        if cut {
            bytes.truncate(flips[0].0.index(artifacts[which].len()));
        }
        survive(&bytes);
    });
}
