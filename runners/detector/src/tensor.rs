//! Arrays as they lie in an artefact.

use ndarray::Array2;
use safetensors::Dtype;

use crate::DetectorError;

/// A dense row-major array of up to a few dimensions.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    pub shape: Vec<usize>,
    pub data: TensorData,
}

/// The element types that artefacts use.
#[derive(Debug, Clone, PartialEq)]
pub enum TensorData {
    F64(Vec<f64>),
    U32(Vec<u32>),
}

impl Tensor {
    /// A vector, shape (n,).
    pub fn vector(values: Vec<f64>) -> Self {
        Self { shape: vec![values.len()], data: TensorData::F64(values) }
    }

    /// A matrix, shape (n_rows, n_columns).
    pub fn matrix(values: &Array2<f64>) -> Self {
        Self { shape: vec![values.nrows(), values.ncols()], data: TensorData::F64(values.iter().copied().collect()) }
    }

    /// A vector of indices, shape (n,).
    pub fn indices(values: Vec<u32>) -> Self {
        Self { shape: vec![values.len()], data: TensorData::U32(values) }
    }

    pub(crate) fn is_finite(&self) -> bool {
        match &self.data {
            TensorData::F64(values) => values.iter().all(|value| value.is_finite()),
            TensorData::U32(_) => true,
        }
    }

    pub(crate) fn dtype(&self) -> Dtype {
        match self.data {
            TensorData::F64(_) => Dtype::F64,
            TensorData::U32(_) => Dtype::U32,
        }
    }

    pub(crate) fn to_le_bytes(&self) -> Vec<u8> {
        match &self.data {
            TensorData::F64(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            TensorData::U32(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        }
    }

    /// Reads what [`to_le_bytes`](Self::to_le_bytes) wrote; the caller has checked that `bytes` has the length of `shape`.
    pub(crate) fn from_le_bytes(dtype: Dtype, shape: &[usize], bytes: &[u8]) -> Result<Self, DetectorError> {
        let data = match dtype {
            Dtype::F64 => TensorData::F64(words(bytes).map(f64::from_le_bytes).collect()),
            Dtype::U32 => TensorData::U32(words(bytes).map(u32::from_le_bytes).collect()),
            other => return Err(DetectorError::artifact(format!("it holds an array of the unknown type {other:?}"))),
        };
        Ok(Self { shape: shape.to_vec(), data })
    }
}

fn words<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.chunks_exact(N).map(|chunk| {
        let mut word = [0; N];
        word.copy_from_slice(chunk);
        word
    })
}
