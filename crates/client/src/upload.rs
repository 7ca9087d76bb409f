//! Sending a file: announce it, stream it, continue where a broken connection left off, have it checked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE};
use reqwest::{Body, StatusCode};

use crate::client::{absent, is_absent};
use crate::files::{CreatedUpload, UploadStatus};
use crate::source::{Measure, Source};
use crate::{Client, ClientError};

impl Client {
    /// Uploads `source` into `project` (an id) as `file_name` and gives the id of the completed upload.
    ///
    /// The server checks size and SHA-256. A broken connection is taken up again at the byte that the server last saw, as
    /// long as tries make progress.
    pub async fn upload(
        &self,
        project: &str,
        source: impl Into<Source>,
        file_name: &str,
    ) -> Result<String, ClientError> {
        let source = source.into();
        let measure = source.measure().await?;
        let upload = self.create_upload(project, file_name, measure.size as i64, &measure.sha256).await?;
        if upload.status != UploadStatus::Completed {
            self.send(&upload, &source, &measure).await?;
            self.complete(&upload.id).await?;
        }
        Ok(upload.id)
    }

    /// After a broken connection the server may for a moment still be busy with the bytes it got over that one.
    async fn complete(&self, id: &str) -> Result<(), ClientError> {
        let mut backoff = self.backoff();
        for _ in 0..self.options().retries {
            match self.complete_upload(id).await {
                Err(error) if error.has_code("UPLOAD_BUSY") => tokio::time::sleep(backoff.next_delay()).await,
                result => return result,
            }
        }
        self.complete_upload(id).await
    }

    async fn send(&self, upload: &CreatedUpload, source: &Source, measure: &Measure) -> Result<(), ClientError> {
        let (mut offset, mut failures, mut backoff) = (i64::from(upload.received) as u64, 0, self.backoff());
        while offset < measure.size {
            let error = match self.put(&upload.url, source, offset, measure.size).await {
                Ok(()) => return Ok(()),
                Err(error @ ClientError::Unreachable { .. }) => error,
                Err(error) => return Err(error),
            };
            failures += 1;
            if failures > self.options().retries {
                return Err(error);
            }
            tokio::time::sleep(backoff.next_delay()).await;
            let received = self.upload_received(&upload.id).await?;
            if received > offset {
                failures = 0;
                backoff.reset();
            }
            offset = received.min(measure.size);
        }
        Ok(())
    }

    async fn put(&self, url: &str, source: &Source, offset: u64, size: u64) -> Result<(), ClientError> {
        let url = self.resolve(url)?;
        let sent = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&sent);
        let stream = source.stream(offset, size).await?.inspect(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        let mut request = self
            .http()
            .put(url.clone())
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, size - offset)
            .body(Body::wrap_stream(stream));
        if offset > 0 {
            request = request.header(CONTENT_RANGE, format!("bytes {offset}-{}/{size}", size - 1));
        }
        let response = tokio::select! {
            response = self.authorize(request, &url).send() => response?,
            () = stalled(&sent, self.options().idle_timeout) => return Err(unreachable("the upload stalled")),
        };
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        if is_absent(status) {
            return Err(absent(status));
        }
        let error = refused(status, &response.text().await.unwrap_or_default());
        // The server has another idea of where we are, or is still busy with the connection that broke: ask and go on.
        let passes = status == StatusCode::CONFLICT && !error.has_code("UPLOAD_CLOSED");
        if passes || matches!(status, StatusCode::RANGE_NOT_SATISFIABLE | StatusCode::REQUEST_TIMEOUT) {
            return Err(absent(status));
        }
        Err(error)
    }
}

/// Ends once no chunk has been taken for `idle`.
async fn stalled(sent: &AtomicU64, idle: Duration) {
    let mut before = u64::MAX;
    loop {
        let now = sent.load(Ordering::Relaxed);
        if now == before {
            return;
        }
        before = now;
        tokio::time::sleep(idle).await;
    }
}

pub(crate) fn unreachable(message: &str) -> ClientError {
    ClientError::Unreachable { message: message.into() }
}

/// The error for a file address that answers with `status`, and perhaps `{ "error": { "code", "message", "requestId" } }`.
pub(crate) fn refused(status: StatusCode, body: &str) -> ClientError {
    if status == StatusCode::UNAUTHORIZED {
        return ClientError::Unauthenticated;
    }
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let text = |key: &str| body["error"][key].as_str().map(|text| text.chars().take(500).collect::<String>());
    ClientError::Rejected {
        code: text("code").unwrap_or_else(|| format!("HTTP_{}", status.as_u16())),
        message: text("message").unwrap_or_else(|| format!("the server answered with HTTP {}", status.as_u16())),
        request_id: text("requestId"),
    }
}
