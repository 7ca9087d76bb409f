//! One trained version as one blob of bytes.
//!
//! The blob is a [safetensors](https://github.com/huggingface/safetensors) file: the learned arrays, and under the key
//! `nunatak` of its `__metadata__` the [`ArtifactHeader`] as JSON. It holds numbers and text only, never code, so reading
//! one from a stranger is safe; [`Artifact::decode`] trusts nothing it reads.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use ndarray::Array2;
use safetensors::{Dtype, SafeTensors, View};
use serde::Deserialize;

use crate::{ArtifactHeader, DetectorError, Tensor, TensorData};

/// The key of our header in the file's metadata.
const METADATA_KEY: &str = "nunatak";

/// Headers of real versions have kilobytes; the parser's memory is some ten times the text.
const MAX_HEADER_BYTES: u64 = 16 << 20;

/// A decoded artefact: sound in itself, not yet checked against its detector.
#[derive(Debug, Clone, PartialEq)]
pub struct Artifact {
    pub header: ArtifactHeader,
    pub tensors: BTreeMap<String, Tensor>,
}

impl Artifact {
    /// The bytes of this artefact. Equal artefacts have equal bytes.
    ///
    /// # Errors
    /// [`DetectorError::Numeric`] when an array holds a value that is not finite: it could not be read back.
    pub fn encode(&self) -> Result<Vec<u8>, DetectorError> {
        if let Some((name, _)) = self.tensors.iter().find(|(_, tensor)| !tensor.is_finite()) {
            return Err(DetectorError::numeric(format!("the learned array `{name}` has values that are not finite")));
        }
        let header = serde_json::to_string(&self.header)
            .map_err(|error| DetectorError::artifact(format!("its header cannot be written: {error}")))?;
        let metadata = HashMap::from([(METADATA_KEY.to_string(), header)]);
        safetensors::serialize(&self.tensors, Some(metadata))
            .map_err(|error| DetectorError::artifact(format!("it cannot be written: {error}")))
    }

    /// Reads an artefact, from any bytes whatever: damaged or hostile ones give an error, never a panic, and memory stays
    /// within a small multiple of their length.
    pub fn decode(bytes: &[u8]) -> Result<Self, DetectorError> {
        let header = read_header(bytes)?;
        header.check()?;
        let file = SafeTensors::deserialize(bytes).map_err(|error| DetectorError::artifact(error.to_string()))?;
        let mut tensors = BTreeMap::new();
        for (name, view) in file.iter() {
            let tensor = Tensor::from_le_bytes(view.dtype(), view.shape(), view.data())?;
            if !tensor.is_finite() {
                return Err(DetectorError::artifact(format!("its array `{name}` has values that are not finite")));
            }
            tensors.insert(name.to_string(), tensor);
        }
        Ok(Self { header, tensors })
    }

    /// The numbers of the vector `name`.
    pub fn vector(&self, name: &str) -> Result<&[f64], DetectorError> {
        match self.tensor(name)? {
            Tensor { shape, data: TensorData::F64(values) } if shape.len() == 1 => Ok(values),
            _ => Err(DetectorError::artifact(format!("its array `{name}` is no vector of numbers"))),
        }
    }

    /// The vector `name`, which must have `len` entries.
    pub fn vector_of(&self, name: &str, len: usize) -> Result<&[f64], DetectorError> {
        let values = self.vector(name)?;
        if values.len() == len { Ok(values) } else { Err(wrong_length(name, values.len(), len)) }
    }

    /// The numbers of the matrix `name`, which must have `n_columns` columns and at least one row.
    pub fn matrix(&self, name: &str, n_columns: usize) -> Result<Array2<f64>, DetectorError> {
        match self.tensor(name)? {
            Tensor { shape, data: TensorData::F64(values) }
                if shape.len() == 2 && shape[1] == n_columns && !values.is_empty() =>
            {
                Array2::from_shape_vec((shape[0], shape[1]), values.clone())
                    .map_err(|error| DetectorError::artifact(format!("its array `{name}` is inconsistent: {error}")))
            }
            _ => Err(DetectorError::artifact(format!("its array `{name}` is no matrix of {n_columns} columns"))),
        }
    }

    /// The whole numbers of the vector `name`.
    pub fn indices(&self, name: &str) -> Result<&[u32], DetectorError> {
        match self.tensor(name)? {
            Tensor { shape, data: TensorData::U32(values) } if shape.len() == 1 => Ok(values),
            _ => Err(DetectorError::artifact(format!("its array `{name}` is no vector of whole numbers"))),
        }
    }

    /// The vector of whole numbers `name`, which must have `len` entries.
    pub fn indices_of(&self, name: &str, len: usize) -> Result<&[u32], DetectorError> {
        let values = self.indices(name)?;
        if values.len() == len { Ok(values) } else { Err(wrong_length(name, values.len(), len)) }
    }

    fn tensor(&self, name: &str) -> Result<&Tensor, DetectorError> {
        self.tensors.get(name).ok_or_else(|| DetectorError::artifact(format!("its array `{name}` is missing")))
    }
}

fn wrong_length(name: &str, found: usize, expected: usize) -> DetectorError {
    DetectorError::artifact(format!("its array `{name}` has {found} entries where {expected} belong"))
}

/// The part of a safetensors header that has to be sound before the library may look at it.
#[derive(Deserialize)]
struct RawHeader {
    #[serde(rename = "__metadata__")]
    metadata: Option<BTreeMap<String, String>>,
    #[serde(flatten)]
    tensors: BTreeMap<String, RawTensor>,
}

#[derive(Deserialize)]
struct RawTensor {
    data_offsets: (u64, u64),
}

/// Checks lengths before the library adds them up (its sums may overflow), and takes out our own header.
fn read_header(bytes: &[u8]) -> Result<ArtifactHeader, DetectorError> {
    let cut_short = || DetectorError::artifact("it is cut short or no safetensors file");
    let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(cut_short)?;
    let length = u64::from_le_bytes(*length);
    if length > MAX_HEADER_BYTES {
        return Err(DetectorError::artifact("its header is longer than 16 MiB or it is no safetensors file"));
    }
    let (header, data) = rest.split_at_checked(length as usize).ok_or_else(cut_short)?;
    let header: RawHeader = serde_json::from_slice(header)
        .map_err(|error| DetectorError::artifact(format!("its header is damaged: {error}")))?;
    if header.tensors.values().any(|tensor| tensor.data_offsets.1 > data.len() as u64) {
        return Err(cut_short());
    }
    let text = header.metadata.as_ref().and_then(|metadata| metadata.get(METADATA_KEY));
    let text = text.ok_or_else(|| DetectorError::artifact("it is a safetensors file but not one of Nunatak's"))?;
    serde_json::from_str(text).map_err(|error| DetectorError::artifact(format!("its description is damaged: {error}")))
}

impl View for &Tensor {
    fn dtype(&self) -> Dtype {
        Tensor::dtype(self)
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.to_le_bytes())
    }

    fn data_len(&self) -> usize {
        match &self.data {
            TensorData::F64(values) => values.len() * 8,
            TensorData::U32(values) => values.len() * 4,
        }
    }
}

#[cfg(test)]
#[path = "artifact_tests.rs"]
mod tests;
