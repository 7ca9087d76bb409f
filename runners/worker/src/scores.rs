//! The scores of a prediction as a file.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use tempfile::NamedTempFile;

use crate::failure::Failure;

/// Writes `scores.safetensors`: the tensors `score` (F64, one a row) and `label` (U8, 1 is an anomaly).
///
/// The numbers go straight from their vectors into the file, because the crate's own writer would first copy them all.
pub(crate) fn write(scores: &[f64], labels: &[u8], directory: &Path) -> Result<NamedTempFile, Failure> {
    let header = header(scores.len(), labels.len())?;
    let file = tempfile::Builder::new().prefix(".nunatak-").suffix(".part").tempfile_in(directory)?;
    let mut writer = BufWriter::with_capacity(1 << 16, file);
    writer.write_all(&(header.len() as u64).to_le_bytes())?;
    writer.write_all(&header)?;
    for score in scores {
        writer.write_all(&score.to_le_bytes())?;
    }
    writer.write_all(labels)?;
    writer.into_inner().map_err(|error| io::Error::from(error).into())
}

/// The format's JSON header, filled up with spaces so that the numbers behind it are aligned.
fn header(n_scores: usize, n_labels: usize) -> Result<Vec<u8>, Failure> {
    let score_bytes = n_scores * size_of::<f64>();
    let score = TensorInfo { dtype: Dtype::F64, shape: vec![n_scores], data_offsets: (0, score_bytes) };
    let label =
        TensorInfo { dtype: Dtype::U8, shape: vec![n_labels], data_offsets: (score_bytes, score_bytes + n_labels) };
    let metadata = Metadata::new(None, vec![("score".into(), score), ("label".into(), label)])
        .map_err(|error| Failure::fail("SCORES", error.to_string()))?;
    let mut header = serde_json::to_vec(&metadata).map_err(|error| Failure::fail("SCORES", error.to_string()))?;
    header.resize(header.len().next_multiple_of(8), b' ');
    Ok(header)
}

#[cfg(test)]
mod tests {
    use safetensors::SafeTensors;

    use super::*;

    #[test]
    fn the_file_reads_back_with_the_crate() {
        let directory = tempfile::tempdir().unwrap();
        let scores: Vec<f64> = (0..1001).map(|idx| f64::from(idx).sqrt()).collect();
        let labels: Vec<u8> = scores.iter().map(|score| u8::from(*score > 30.0)).collect();
        let file = write(&scores, &labels, directory.path()).unwrap();

        let bytes = std::fs::read(file.path()).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let score = tensors.tensor("score").unwrap();
        assert_eq!((score.dtype(), score.shape()), (Dtype::F64, &[1001][..]));
        let read = score.data().chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap()));
        assert!(read.eq(scores.iter().copied()));
        let label = tensors.tensor("label").unwrap();
        assert_eq!((label.dtype(), label.data()), (Dtype::U8, &labels[..]));
    }
}
