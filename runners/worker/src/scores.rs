//! The scores of a prediction as a file.

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use nunatak_detector::{Predicted, REASONS_A_ROW, RowReasons};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use tempfile::NamedTempFile;

use crate::failure::Failure;

/// Writes `scores.safetensors`: the tensors `score` (F64, one a row) and `label` (U8, 1 is an anomaly); with reasons also
/// `reason_row` (U64, the rows that are explained, ascending), `reason_column` (U32, three a row: places in the list of names
/// under `columns` in the metadata, or 4294967295 for none) and `reason_share` (F32, three a row).
///
/// The numbers go straight from their vectors into the file, because the crate's own writer would first copy them all.
pub(crate) fn write(predicted: &Predicted, directory: &Path) -> Result<NamedTempFile, Failure> {
    let (scores, labels) = (&predicted.scores, &predicted.labels);
    let none = RowReasons::default();
    let reasons = predicted.reasons.as_ref().unwrap_or(&none);
    let header = header(scores.len(), reasons)?;
    let file = tempfile::Builder::new().prefix(".nunatak-").suffix(".part").tempfile_in(directory)?;
    let mut writer = BufWriter::with_capacity(1 << 16, file);
    writer.write_all(&(header.len() as u64).to_le_bytes())?;
    writer.write_all(&header)?;
    for score in scores {
        writer.write_all(&score.to_le_bytes())?;
    }
    for row in &reasons.rows {
        writer.write_all(&row.to_le_bytes())?;
    }
    for column in reasons.column.iter().flatten() {
        writer.write_all(&column.to_le_bytes())?;
    }
    for share in reasons.share.iter().flatten() {
        writer.write_all(&share.to_le_bytes())?;
    }
    // Bytes last: what stands before them stays aligned.
    writer.write_all(labels)?;
    writer.into_inner().map_err(|error| io::Error::from(error).into())
}

/// The format's JSON header, filled up with spaces so that the numbers behind it are aligned.
fn header(n_rows: usize, reasons: &RowReasons) -> Result<Vec<u8>, Failure> {
    let fail = |error: String| Failure::fail("SCORES", error);
    let mut end = 0;
    let mut tensor = |name: &str, dtype: Dtype, width: usize, shape: Vec<usize>| {
        let start = end;
        end += width * shape.iter().product::<usize>();
        (name.to_owned(), TensorInfo { dtype, shape, data_offsets: (start, end) })
    };
    let n_explained = reasons.rows.len();
    let mut tensors = vec![tensor("score", Dtype::F64, 8, vec![n_rows])];
    if n_explained > 0 {
        tensors.push(tensor("reason_row", Dtype::U64, 8, vec![n_explained]));
        tensors.push(tensor("reason_column", Dtype::U32, 4, vec![n_explained, REASONS_A_ROW]));
        tensors.push(tensor("reason_share", Dtype::F32, 4, vec![n_explained, REASONS_A_ROW]));
    }
    tensors.push(tensor("label", Dtype::U8, 1, vec![n_rows]));
    let columns = serde_json::to_string(&reasons.columns).map_err(|error| fail(error.to_string()))?;
    let metadata = (n_explained > 0).then(|| HashMap::from([("columns".to_owned(), columns)]));
    let metadata = Metadata::new(metadata, tensors).map_err(|error| fail(error.to_string()))?;
    let mut header = serde_json::to_vec(&metadata).map_err(|error| fail(error.to_string()))?;
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
        let reasons = RowReasons {
            columns: vec!["speed".into(), "heat".into()],
            rows: vec![901, 1000],
            column: vec![[1, 0, u32::MAX], [0, u32::MAX, u32::MAX]],
            share: vec![[0.75, 0.25, 0.0], [1.0, 0.0, 0.0]],
        };
        let predicted = Predicted {
            scores: scores.clone(),
            labels: labels.clone(),
            threshold: 30.0,
            n_anomalies: 100,
            reasons: Some(reasons),
            metrics: Default::default(),
            figures: Vec::new(),
            score_seconds: 0.0,
        };
        let file = write(&predicted, directory.path()).unwrap();

        let bytes = std::fs::read(file.path()).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let score = tensors.tensor("score").unwrap();
        assert_eq!((score.dtype(), score.shape()), (Dtype::F64, &[1001][..]));
        let read = score.data().chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap()));
        assert!(read.eq(scores.iter().copied()));
        let label = tensors.tensor("label").unwrap();
        assert_eq!((label.dtype(), label.data()), (Dtype::U8, &labels[..]));
        let column = tensors.tensor("reason_column").unwrap();
        assert_eq!((column.dtype(), column.shape()), (Dtype::U32, &[2, 3][..]));
        assert_eq!(column.data()[..8], [1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(tensors.tensor("reason_share").unwrap().data()[..4], 0.75_f32.to_le_bytes());
        let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
        assert_eq!(metadata.metadata().as_ref().unwrap()["columns"], r#"["speed","heat"]"#);
    }
}
