//! A prediction's scores as CSV, written while its safetensors file is read.

use std::{
    fmt::Write as _,
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    ops::Range,
};

use futures_util::{Stream, stream};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_util::bytes::Bytes;

use super::{
    BlobRecord,
    disk::{blocking, open_blob_blocking},
};
use crate::{Store, StoreError};

/// Rows that are turned into text at a time: about 200 KB of it.
const ROWS: usize = 8192;
const AHEAD: usize = 4;
/// The header of a file with two arrays has some 200 bytes.
const MAX_HEADER: u64 = 64 * 1024;

impl Store {
    /// `row_idx,score,label` with a header line, a row for each of the dataset version's.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the file is not what a runner writes; later failures are items of the stream.
    pub async fn scores_csv(
        &self,
        blob: &BlobRecord,
    ) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + 'static, StoreError> {
        let (path, checked) = (self.0.files.blob_path(&blob.sha256), blob.clone());
        let opened = blocking(move || {
            let layout = Layout::read(&mut open_blob_blocking(&path, &checked)?, &checked)?;
            // Two handles, because the arrays lie one after the other and are read side by side.
            let [mut scores, mut labels] = [File::open(&path)?, File::open(&path)?];
            scores.seek(SeekFrom::Start(layout.scores.start))?;
            labels.seek(SeekFrom::Start(layout.labels.start))?;
            Ok((layout.rows, BufReader::new(scores), BufReader::new(labels)))
        });
        let (rows, scores, labels) = opened.await.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => StoreError::Corrupt(error.to_string()),
            _ => StoreError::Files(error),
        })?;
        let (sender, receiver) = mpsc::channel(AHEAD);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = write_rows(rows, scores, labels, &sender) {
                // Nobody to tell when the receiver is gone.
                let _ = sender.blocking_send(Err(error));
            }
        });
        Ok(stream::unfold(receiver, |mut receiver| async move { receiver.recv().await.map(|text| (text, receiver)) }))
    }
}

fn write_rows(
    rows: u64,
    mut scores: impl Read,
    mut labels: impl Read,
    sender: &mpsc::Sender<io::Result<Bytes>>,
) -> io::Result<()> {
    let mut text = String::from("row_idx,score,label\n");
    let (mut score, mut label) = ([0; 8], [0]);
    for row in 0..rows {
        scores.read_exact(&mut score)?;
        labels.read_exact(&mut label)?;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{row},{},{}", f64::from_le_bytes(score), label[0]);
        if (row + 1) % ROWS as u64 == 0 && sender.blocking_send(Ok(std::mem::take(&mut text).into())).is_err() {
            return Ok(());
        }
    }
    // An empty piece would end the stream no sooner; it is simply not sent.
    if !text.is_empty() {
        let _ = sender.blocking_send(Ok(text.into()));
    }
    Ok(())
}

/// Where the two arrays lie in the file, in bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) rows: u64,
    pub(crate) scores: Range<u64>,
    pub(crate) labels: Range<u64>,
}

#[derive(Deserialize)]
struct Tensor {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

#[derive(Deserialize)]
struct Header {
    score: Tensor,
    label: Tensor,
}

impl Layout {
    pub(crate) fn read(file: &mut impl Read, blob: &BlobRecord) -> io::Result<Self> {
        let broken = |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("scores {}: {what}", blob.sha256));
        let mut length = [0; 8];
        file.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        if length > MAX_HEADER {
            return Err(broken("no safetensors header"));
        }
        let mut header = Vec::new();
        file.take(length).read_to_end(&mut header)?;
        let header: Header = serde_json::from_slice(&header).map_err(|error| broken(&error.to_string()))?;
        let place = |tensor: &Tensor, dtype: &str, width: u64| {
            let (start, end) = tensor.data_offsets;
            let rows = *tensor.shape.first().filter(|_| tensor.shape.len() == 1 && tensor.dtype == dtype)?;
            let fits = rows.checked_mul(width)? == end.checked_sub(start)?;
            let range = start.checked_add(8 + length)?..end.checked_add(8 + length)?;
            (fits && range.end <= blob.size.unsigned_abs()).then_some((rows, range))
        };
        let (rows, scores) = place(&header.score, "F64", 8).ok_or_else(|| broken("`score` is not f64[n]"))?;
        let (also, labels) = place(&header.label, "U8", 1).ok_or_else(|| broken("`label` is not u8[n]"))?;
        if rows == also { Ok(Self { rows, scores, labels }) } else { Err(broken("the arrays differ in length")) }
    }
}
