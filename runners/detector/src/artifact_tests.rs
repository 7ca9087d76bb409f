//! An artefact survives the round trip, and nothing else survives being read.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{ARTIFACT_FORMAT, InputColumn, Standardization};

fn artifact() -> Artifact {
    let header = ArtifactHeader {
        format: ARTIFACT_FORMAT.into(),
        detector: "example".into(),
        detector_version: "1.0.0".into(),
        input_schema: vec![InputColumn::number("a"), InputColumn::number("b")],
        hyperparameters: BTreeMap::from([("contamination".to_string(), json!(0.1))]),
        seed: 7,
        preprocessing: Some(Standardization { mean: vec![0.1, 1e-300], scale: vec![1.0 / 3.0, 2.0] }),
        pipeline: None,
        step_millis: None,
        typical: vec![0.5, -1.0],
        calibration: None,
        threshold: 0.1 + 0.2,
        contamination: 0.1,
        trained_rows: 3,
    };
    let tensors = BTreeMap::from([
        ("centre".to_string(), Tensor::vector(vec![0.1, -2.5])),
        ("rows".to_string(), Tensor::matrix(&ndarray::array![[1.0, 2.0], [3.0, 4.0]])),
        ("child".to_string(), Tensor::indices(vec![1, 2, 3])),
    ]);
    Artifact { header, tensors }
}

#[test]
fn round_trip_is_exact_and_bytes_are_stable() {
    let bytes = artifact().encode().unwrap();
    assert_eq!(Artifact::decode(&bytes).unwrap(), artifact());
    assert_eq!(artifact().encode().unwrap(), bytes);
}

#[test]
fn arrays_are_checked_when_taken_out() {
    let artifact = artifact();
    assert_eq!(artifact.vector_of("centre", 2).unwrap(), [0.1, -2.5]);
    assert_eq!(artifact.matrix("rows", 2).unwrap()[[1, 0]], 3.0);
    for error in [
        artifact.vector("missing").unwrap_err(),
        artifact.vector("child").unwrap_err(),
        artifact.vector_of("centre", 3).unwrap_err(),
        artifact.matrix("rows", 3).unwrap_err(),
        artifact.indices("centre").unwrap_err(),
    ] {
        assert_eq!(error.code(), "ARTIFACT");
    }
}

#[test]
fn values_that_are_not_finite_are_refused_on_both_ways() {
    let mut broken = artifact();
    broken.tensors.insert("centre".into(), Tensor::vector(vec![f64::NAN, 0.0]));
    assert_eq!(broken.encode().unwrap_err().code(), "NUMERIC");
    let mut bytes = artifact().encode().unwrap();
    let at = bytes.windows(8).position(|word| word == (-2.5_f64).to_le_bytes()).unwrap();
    bytes[at..at + 8].copy_from_slice(&f64::INFINITY.to_le_bytes());
    assert!(Artifact::decode(&bytes).unwrap_err().to_string().contains("not finite"));
}

#[test]
fn other_formats_and_huge_offsets_are_refused() {
    let mut other = artifact();
    other.header.format = "nunatak.artifact/2".into();
    let error = Artifact::decode(&other.encode().unwrap()).unwrap_err().to_string();
    assert!(error.contains("nunatak.artifact/2"), "{error}");
    let description = serde_json::to_string(&serde_json::to_string(&artifact().header).unwrap()).unwrap();
    let shapes = ["[2305843009213693951]", "[18446744073709551615,2]", "[18446744073709551615,0]"];
    for (shape, end) in shapes.into_iter().zip(["18446744073709551608", "18446744073709551615", "0"]) {
        let header = format!(
            r#"{{"__metadata__":{{"nunatak":{description}}},"x":{{"dtype":"F64","shape":{shape},"data_offsets":[0,{end}]}}}}"#
        );
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        if let Ok(artifact) = Artifact::decode(&bytes) {
            assert!(artifact.vector("x").is_err() && artifact.matrix("x", 0).is_err());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn truncated_bytes_are_an_error(length in 0_usize..2000) {
        let bytes = artifact().encode().unwrap();
        let length = length % bytes.len();
        prop_assert!(Artifact::decode(&bytes[..length]).is_err());
    }

    #[test]
    fn flipped_bits_never_panic(flips in prop::collection::vec((0_usize..2000, 0_u8..8), 1..6)) {
        let mut bytes = artifact().encode().unwrap();
        let length = bytes.len();
        for (at, bit) in flips {
            bytes[at % length] ^= 1 << bit;
        }
        if let Ok(artifact) = Artifact::decode(&bytes) {
            let _ = (artifact.vector("centre"), artifact.matrix("rows", 2), artifact.indices("child"));
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Artifact::decode(&bytes).is_err());
    }
}
