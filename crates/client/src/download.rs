//! Fetching a file: stream it beside its target, continue a broken connection, check it, and only then give it its name.

use std::io::{self, SeekFrom};
use std::path::Path;

use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Response, StatusCode};
use sha2::{Digest, Sha256};
use tempfile::TempPath;
use tokio::fs::File;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

use crate::client::{absent, is_absent};
use crate::upload::{refused, unreachable};
use crate::{Client, ClientError};

impl Client {
    /// Fetches `url` into `target` and gives the file's size.
    ///
    /// `target` appears (or is replaced) in one step, once the bytes have the SHA-256 `expected_sha256`. A broken
    /// connection is continued where it stopped; wrong bytes are fetched once more from the start.
    pub async fn download(&self, url: &str, target: &Path, expected_sha256: &str) -> Result<u64, ClientError> {
        let (mut partial, path) = Partial::beside(target).map_err(ClientError::file("create the download's file"))?;
        let mut actual = self.fetch(url, &mut partial).await?;
        if actual != expected_sha256 {
            partial.restart().await.map_err(writing)?;
            actual = self.fetch(url, &mut partial).await?;
        }
        if actual != expected_sha256 {
            return Err(ClientError::Checksum { expected: expected_sha256.into(), actual });
        }
        path.persist(target).map_err(|error| ClientError::file("rename the downloaded file")(error.error))?;
        Ok(partial.written)
    }

    /// Fills `partial` and gives its checksum.
    async fn fetch(&self, url: &str, partial: &mut Partial) -> Result<String, ClientError> {
        let (mut failures, mut backoff) = (0, self.backoff());
        loop {
            let before = partial.written;
            match self.append(url, partial).await {
                Ok(()) => {
                    partial.file.flush().await.map_err(writing)?;
                    return Ok(hex::encode(partial.hasher.clone().finalize()));
                }
                Err(error @ ClientError::Unreachable { .. }) => {
                    if partial.written > before {
                        failures = 0;
                        backoff.reset();
                    }
                    failures += 1;
                    if failures > self.options().retries {
                        return Err(error);
                    }
                    tokio::time::sleep(backoff.next_delay()).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn append(&self, url: &str, partial: &mut Partial) -> Result<(), ClientError> {
        let url = self.resolve(url)?;
        let idle = self.options().idle_timeout;
        let mut request = self.http().get(url.clone());
        if partial.written > 0 {
            request = request.header(RANGE, format!("bytes={}-", partial.written));
        }
        let answer = tokio::time::timeout(idle, self.authorize(request, &url).send());
        let mut response = answer.await.map_err(|_| unreachable("the download stalled"))??;
        match response.status() {
            StatusCode::PARTIAL_CONTENT if starts_at(&response, partial.written) => {}
            StatusCode::OK => partial.restart().await.map_err(writing)?,
            // Not the rest of what we have: forget it and ask for everything.
            status @ (StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE) => {
                partial.restart().await.map_err(writing)?;
                return Err(absent(status));
            }
            status if is_absent(status) => return Err(absent(status)),
            status => return Err(refused(status, &response.text().await.unwrap_or_default())),
        }
        loop {
            let chunk = tokio::time::timeout(idle, response.chunk());
            match chunk.await.map_err(|_| unreachable("the download stalled"))?? {
                Some(chunk) => partial.write(&chunk).await.map_err(writing)?,
                None => return Ok(()),
            }
        }
    }
}

fn starts_at(response: &Response, offset: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    range.is_some_and(|range| range.starts_with(&format!("bytes {offset}-")))
}

fn writing(error: io::Error) -> ClientError {
    ClientError::file("write the downloaded file")(error)
}

/// The bytes so far.
struct Partial {
    file: File,
    hasher: Sha256,
    written: u64,
}

impl Partial {
    /// A new file in the directory of `target`, removed when its path is dropped before it got its name.
    fn beside(target: &Path) -> io::Result<(Self, TempPath)> {
        let directory = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".nunatak-").suffix(".part");
        // Like any file that the user makes; the crate's default, 0600, would outlive the rename.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let (file, path) = builder.tempfile_in(directory)?.into_parts();
        Ok((Self { file: File::from_std(file), hasher: Sha256::new(), written: 0 }, path))
    }

    async fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.file.write_all(chunk).await?;
        self.hasher.update(chunk);
        self.written += chunk.len() as u64;
        Ok(())
    }

    async fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0).await?;
        self.file.seek(SeekFrom::Start(0)).await?;
        self.hasher = Sha256::new();
        self.written = 0;
        Ok(())
    }
}
