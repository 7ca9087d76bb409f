//! What is uploaded: a file on disk or bytes in memory.

use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use crate::ClientError;

/// The content of an upload.
#[derive(Debug, Clone)]
pub enum Source {
    /// Read while it is sent; it must not change meanwhile.
    Path(PathBuf),
    Bytes(Bytes),
}

impl From<&Path> for Source {
    fn from(path: &Path) -> Self {
        Self::Path(path.to_owned())
    }
}

impl From<PathBuf> for Source {
    fn from(path: PathBuf) -> Self {
        Self::Path(path)
    }
}

impl From<Bytes> for Source {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<Vec<u8>> for Source {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

pub(crate) struct Measure {
    pub(crate) size: u64,
    pub(crate) sha256: String,
}

/// Enough to keep both disk and network busy, small beside everything else.
const CHUNK_BYTES: usize = 128 * 1024;

impl Source {
    /// Size and checksum, worked out on a blocking thread.
    pub(crate) async fn measure(&self) -> Result<Measure, ClientError> {
        let source = self.clone();
        let measured = tokio::task::spawn_blocking(move || match source {
            Self::Path(path) => measure(&mut std::fs::File::open(path)?),
            Self::Bytes(bytes) => measure(&mut bytes.as_ref()),
        });
        let measured = measured.await.map_err(|error| ClientError::protocol(error.to_string()))?;
        measured.map_err(ClientError::file("read the file to upload"))
    }

    /// The bytes from `offset` up to `end`.
    pub(crate) async fn stream(
        &self,
        offset: u64,
        end: u64,
    ) -> Result<BoxStream<'static, io::Result<Bytes>>, ClientError> {
        match self {
            Self::Path(path) => {
                let opened = async {
                    let mut file = tokio::fs::File::open(path).await?;
                    file.seek(SeekFrom::Start(offset)).await?;
                    Ok(file.take(end - offset))
                };
                let part = opened.await.map_err(ClientError::file("read the file to upload"))?;
                Ok(ReaderStream::with_capacity(part, CHUNK_BYTES).boxed())
            }
            Self::Bytes(bytes) => {
                let mut rest = bytes.slice(offset as usize..end as usize);
                let chunks = std::iter::from_fn(move || {
                    (!rest.is_empty()).then(|| Ok(rest.split_to(rest.len().min(CHUNK_BYTES))))
                });
                Ok(stream::iter(chunks).boxed())
            }
        }
    }
}

fn measure(reader: &mut dyn io::Read) -> io::Result<Measure> {
    let mut hasher = Sha256::new();
    let (mut buffer, mut size) = (vec![0; CHUNK_BYTES], 0);
    loop {
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            return Ok(Measure { size, sha256: hex::encode(hasher.finalize()) });
        }
        hasher.update(&buffer[..read]);
        size += read as u64;
    }
}
