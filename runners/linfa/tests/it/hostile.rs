//! Artefacts from a stranger: an error or a model, never a panic.

use nunatak_detector::{Artifact, Context, Frame, TensorData, predict};
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

#[test]
fn well_formed_nonsense() {
    for bytes in artifacts() {
        let artifact = Artifact::decode(&bytes).unwrap();
        for name in artifact.tensors.keys() {
            for number in [0, 1, 3, 1_000_000, u32::MAX] {
                let mut forged = artifact.clone();
                if let Some(tensor) = forged.tensors.get_mut(name) {
                    match &mut tensor.data {
                        TensorData::U32(values) => values.fill(number),
                        TensorData::F64(values) => values.fill(f64::from(number) - 2.0),
                    }
                }
                survive(&forged.encode().unwrap());
            }
            let mut emptied = artifact.clone();
            if let Some(tensor) = emptied.tensors.get_mut(name) {
                tensor.shape.iter_mut().for_each(|size| *size = 0);
                match &mut tensor.data {
                    TensorData::U32(values) => values.clear(),
                    TensorData::F64(values) => values.clear(),
                }
            }
            survive(&emptied.encode().unwrap());
            let mut missing = artifact.clone();
            missing.tensors.remove(name);
            assert!(predict(&nunatak_linfa::all(), &missing.encode().unwrap(), &frame(), &Context::quiet(0)).is_err());
        }
        let mut unscaled = artifact.clone();
        unscaled.header.preprocessing = None;
        survive(&unscaled.encode().unwrap());
    }
}
