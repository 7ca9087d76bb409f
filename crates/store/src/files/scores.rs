//! A prediction's scores as CSV, written while its safetensors file is read.

use std::{
    borrow::Cow,
    collections::HashMap,
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
    reasons::ReasonLayout,
};
use crate::{Store, StoreError};

/// Rows that are turned into text at a time: about 200 KB of it.
const ROWS: usize = 8192;
const AHEAD: usize = 4;
/// A header has some 500 bytes, and the names of up to 10,000 columns.
const MAX_HEADER: u64 = 4 * 1024 * 1024;
/// Reasons that a row may have.
const MAX_REASONS: u64 = 16;

impl Store {
    /// `row_idx,score,label` with a header line, a row for each of the dataset version's. Where the file has reasons,
    /// `reason_1,share_1,…` follow, empty for rows that are not explained.
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
            let [mut scores, mut labels, explained] = [File::open(&path)?, File::open(&path)?, File::open(&path)?];
            scores.seek(SeekFrom::Start(layout.scores.start))?;
            labels.seek(SeekFrom::Start(layout.labels.start))?;
            Ok((layout, BufReader::new(scores), BufReader::new(labels), explained))
        });
        let (layout, scores, labels, explained) = opened.await.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => StoreError::Corrupt(error.to_string()),
            _ => StoreError::Files(error),
        })?;
        let (sender, receiver) = mpsc::channel(AHEAD);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = write_rows(&layout, scores, labels, explained, &sender) {
                // Nobody to tell when the receiver is gone.
                let _ = sender.blocking_send(Err(error));
            }
        });
        Ok(stream::unfold(receiver, |mut receiver| async move { receiver.recv().await.map(|text| (text, receiver)) }))
    }
}

fn write_rows(
    layout: &Layout,
    mut scores: impl Read,
    mut labels: impl Read,
    mut explained: impl Read + Seek,
    sender: &mpsc::Sender<io::Result<Bytes>>,
) -> io::Result<()> {
    let mut text = String::from("row_idx,score,label");
    let width = layout.reasons.as_ref().map_or(0, |reasons| reasons.width);
    // Writing to a String cannot fail.
    for i in 1..=width {
        let _ = write!(text, ",reason_{i},share_{i}");
    }
    text.push('\n');
    let (mut score, mut label) = ([0; 8], [0]);
    let mut at = 0;
    for row in 0..layout.rows {
        scores.read_exact(&mut score)?;
        labels.read_exact(&mut label)?;
        let _ = write!(text, "{row},{},{}", f64::from_le_bytes(score), label[0]);
        if let Some(reasons) = &layout.reasons {
            let mut named = Vec::new();
            if label[0] != 0 && reasons.row(&mut explained, at)? == Some(row) {
                named = reasons.of(&mut explained, at)?;
                at += 1;
            }
            for reason in &named {
                let _ = write!(text, ",{},{}", cell(&reason.column), reason.share);
            }
            (named.len() as u64..width).for_each(|_| text.push_str(",,"));
        }
        text.push('\n');
        if (row + 1).is_multiple_of(ROWS as u64) && sender.blocking_send(Ok(std::mem::take(&mut text).into())).is_err()
        {
            return Ok(());
        }
    }
    // An empty piece would end the stream no sooner; it is simply not sent.
    if !text.is_empty() {
        let _ = sender.blocking_send(Ok(text.into()));
    }
    Ok(())
}

/// A name as a cell of CSV.
fn cell(name: &str) -> Cow<'_, str> {
    if name.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", name.replace('"', "\"\"")).into()
    } else {
        name.into()
    }
}

/// Where the arrays lie in the file, in bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) rows: u64,
    pub(crate) scores: Range<u64>,
    pub(crate) labels: Range<u64>,
    pub(crate) reasons: Option<ReasonLayout>,
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
    reason_row: Option<Tensor>,
    reason_column: Option<Tensor>,
    reason_share: Option<Tensor>,
    #[serde(rename = "__metadata__", default)]
    metadata: HashMap<String, String>,
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
        // The shape beyond the first axis, and where the bytes are.
        let place = |tensor: &Tensor, dtype: &str, size: u64| {
            let (start, end) = tensor.data_offsets;
            let (rows, width) = match tensor.shape[..] {
                [rows] => (rows, 1),
                [rows, width] => (rows, width),
                _ => return None,
            };
            let fits = rows.checked_mul(width)?.checked_mul(size)? == end.checked_sub(start)? && tensor.dtype == dtype;
            let range = start.checked_add(8 + length)?..end.checked_add(8 + length)?;
            (fits && range.end <= blob.size.unsigned_abs()).then_some(((rows, width), range))
        };
        let ((rows, wide), scores) = place(&header.score, "F64", 8).ok_or_else(|| broken("`score` is not f64[n]"))?;
        let (also, labels) = place(&header.label, "U8", 1).ok_or_else(|| broken("`label` is not u8[n]"))?;
        if (rows, wide) != also || wide != 1 {
            return Err(broken("the arrays differ in length"));
        }
        let reasons = match (&header.reason_row, &header.reason_column, &header.reason_share) {
            (Some(row), Some(column), Some(share)) => {
                let found = (place(row, "U64", 8), place(column, "U32", 4), place(share, "F32", 4));
                let (Some(((n, 1), rows)), Some((shape, columns)), Some((also, shares))) = found else {
                    return Err(broken("the reasons are not u64[n], u32[n, k] and f32[n, k]"));
                };
                if shape != also || shape.0 != n || !(1..=MAX_REASONS).contains(&shape.1) {
                    return Err(broken("the arrays of the reasons differ in length"));
                }
                let names = header.metadata.get("columns").map_or("[]", String::as_str);
                let names = serde_json::from_str(names).map_err(|error| broken(&error.to_string()))?;
                Some(ReasonLayout { rows, columns, shares, width: shape.1, names })
            }
            _ => None,
        };
        Ok(Self { rows, scores, labels, reasons })
    }
}
