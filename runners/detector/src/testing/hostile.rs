//! Artefacts from a stranger: an error or a model, never a panic.

use ndarray::Array2;

use super::data::named;
use super::{Break, Promise, Subject, broken};
use crate::random::scramble;
use crate::{Artifact, Context, Frame, TensorData};

pub(super) const SURVIVES: Promise = Promise {
    name: "survives",
    says: "survives artefacts with flipped bits, missing ends and well-formed nonsense",
    keep: survives,
};

/// Enough that each kind of damage hits the arrays of a small artefact some times.
const DAMAGED: u64 = 200;

fn survives(subject: &Subject<'_>) -> Result<(), Break> {
    let frame = frame();
    let artifact = subject.train_quickly(&frame)?.artifact;
    for case in 0..DAMAGED {
        // Loading and scoring must return; what they return is free.
        let _ = subject.score(&damaged(&artifact, case), &frame);
    }
    let sound = Artifact::decode(&artifact)?;
    for name in sound.tensors.keys() {
        nonsense(subject, &sound, name, &frame)?;
    }
    let mut unscaled = sound;
    unscaled.header.preprocessing = None;
    let _ = subject.score(&unscaled.encode()?, &frame);
    Ok(())
}

/// Forges the array `name` in all the ways that its type permits.
fn nonsense(subject: &Subject<'_>, sound: &Artifact, name: &str, frame: &Frame) -> Result<(), Break> {
    let forged = |forge: &dyn Fn(&mut crate::Tensor)| {
        let mut artifact = sound.clone();
        artifact.tensors.get_mut(name).map(forge);
        artifact.encode().map(|bytes| subject.score(&bytes, frame))
    };
    for number in [0, 1, 3, 1_000_000, u32::MAX] {
        let _ = forged(&|tensor| match &mut tensor.data {
            TensorData::U32(values) => values.fill(number),
            TensorData::F64(values) => values.fill(f64::from(number) - 2.0),
        })?;
    }
    let _ = forged(&|tensor| {
        tensor.shape.fill(0);
        match &mut tensor.data {
            TensorData::U32(values) => values.clear(),
            TensorData::F64(values) => values.clear(),
        }
    })?;
    let mut missing = sound.clone();
    missing.tensors.remove(name);
    match subject.model(&missing.encode()?).and_then(|model| model.score(frame, &Context::quiet(0))) {
        Ok(_) => broken(format!("an artefact without its array `{name}` is scored all the same")),
        Err(_) => Ok(()),
    }
}

/// The same bytes with some bits flipped, and in every third case an end missing.
fn damaged(artifact: &[u8], case: u64) -> Vec<u8> {
    let mut bytes = artifact.to_vec();
    let place = |n: u64| (scramble(case * 8 + n) % artifact.len() as u64) as usize;
    for flip in 0..1 + case % 4 {
        bytes[place(flip)] ^= 1 << (scramble(case + flip) % 8);
    }
    if case % 3 == 2 {
        bytes.truncate(place(7));
    }
    bytes
}

/// The smaller the artefact, the more of its bytes are hit.
fn frame() -> Frame {
    let values = Array2::from_shape_fn((60, 2), |(row, column)| ((row * (3 + column)) % 17) as f64);
    named(&["a", "b"], values, Some((0..60).map(|row| u8::from(row % 9 == 0)).collect()))
}
