//! From a question to its answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::Context as _;
use nunatak_client::{Client, ClientError};
use nunatak_detector::{Detector, DetectorError, Model};
use tokio::sync::oneshot;

use super::desk::{Desk, Ticket};
use super::meter::Meter;
use super::models::Models;
use super::request::{Answer, ArtifactRef, Question};
use super::threads::Threads;
use crate::ScoringOptions;
use crate::cache::Cache;

#[derive(Debug)]
pub(crate) struct Engine {
    client: Client,
    detectors: Arc<Vec<Box<dyn Detector>>>,
    files: Cache,
    models: Models,
    threads: Threads<Desk>,
    max_waiting: usize,
    places: AtomicUsize,
    pub(super) meter: Arc<Meter>,
}

/// Why a question is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No question by the protocol.
    Malformed(String),
    /// The rows or the version are at fault: another runner would say the same.
    Rows { code: &'static str, message: String },
    /// There is too much to do.
    Overloaded,
    /// Something here is at fault: another runner may do better.
    Unavailable(String),
}

impl Refusal {
    pub(super) fn rows(code: &'static str, message: impl Into<String>) -> Self {
        Self::Rows { code, message: message.into() }
    }
}

impl From<DetectorError> for Refusal {
    fn from(error: DetectorError) -> Self {
        match error {
            DetectorError::UnknownDetector { .. } | DetectorError::Cancelled => Self::Unavailable(error.to_string()),
            error => Self::rows(error.code(), error.to_string()),
        }
    }
}

impl Engine {
    pub(crate) fn new(
        client: Client,
        detectors: Arc<Vec<Box<dyn Detector>>>,
        files: Cache,
        options: &ScoringOptions,
    ) -> anyhow::Result<Self> {
        let meter = Arc::new(Meter::new()?);
        Ok(Self {
            client,
            detectors,
            files,
            models: Models::new(options.model_cache_bytes, Arc::clone(&meter)),
            threads: Threads::start(options.threads()).context("cannot start the threads that score")?,
            max_waiting: options.max_waiting.max(1),
            places: AtomicUsize::new(0),
            meter,
        })
    }

    /// Scores the rows, once a thread is free for them.
    pub(crate) async fn score(self: &Arc<Self>, question: Question) -> Result<Answer, Refusal> {
        let _place = self.take_place()?;
        let desk = self.desk(&question.artifact).await?;
        let (answer, answered) = oneshot::channel();
        let Question { table, threshold, reasons, .. } = question;
        if desk.put(Ticket { table, threshold, reasons, answer }, self.threads.count) {
            self.threads.add(desk);
        }
        // Fails only when the thread itself broke.
        answered.await.unwrap_or_else(|_| Err(Refusal::Unavailable("the scoring thread broke".into())))
    }

    fn take_place(&self) -> Result<Place<'_>, Refusal> {
        let taken = self.places.fetch_add(1, Ordering::Relaxed);
        let place = Place(self);
        if taken < self.max_waiting { Ok(place) } else { Err(Refusal::Overloaded) }
    }

    /// The version's model, from memory or loaded once for all who wait for it.
    async fn desk(self: &Arc<Self>, artifact: &ArtifactRef) -> Result<Arc<Desk>, Refusal> {
        if let Some(desk) = self.models.find(&artifact.sha256) {
            self.meter.hits.inc();
            return Ok(desk);
        }
        // In a task of its own: who asked may lose patience, and the next one finds the model all the same.
        let load = tokio::spawn(Arc::clone(self).load_alone(artifact.clone()));
        load.await.unwrap_or_else(|_| Err(Refusal::Unavailable("loading the version broke".into())))
    }

    async fn load_alone(self: Arc<Self>, artifact: ArtifactRef) -> Result<Arc<Desk>, Refusal> {
        let flight = self.models.flight(&artifact.sha256);
        let _alone = flight.lock().await;
        if let Some(desk) = self.models.find(&artifact.sha256) {
            self.meter.hits.inc();
            return Ok(desk);
        }
        let started = Instant::now();
        let desk = self.load(&artifact).await?;
        self.models.keep(&artifact.sha256, &desk);
        self.meter.loaded(started.elapsed());
        tracing::info!(
            file.sha256 = %artifact.sha256, file.size_bytes = desk.bytes,
            duration_ms = started.elapsed().as_millis() as u64, "a model is warm"
        );
        Ok(desk)
    }

    async fn load(&self, artifact: &ArtifactRef) -> Result<Arc<Desk>, Refusal> {
        let ArtifactRef { sha256, size, url, token } = artifact;
        let client = self.client.with_token(token);
        let fetch = async |path: std::path::PathBuf| client.download(url, &path, sha256).await;
        let file = self.files.get(sha256, *size, fetch).await.map_err(not_loaded)?;
        let (detectors, meter) = (Arc::clone(&self.detectors), Arc::clone(&self.meter));
        let decode = move || {
            let bytes = std::fs::read(file.path()).map_err(|error| Refusal::Unavailable(error.to_string()))?;
            let model = Model::load(&detectors, &bytes)?;
            Ok(Arc::new(Desk::new(model, bytes.len() as u64, meter)))
        };
        let decoded = tokio::task::spawn_blocking(decode).await;
        decoded.unwrap_or_else(|_| Err(Refusal::rows("ARTIFACT", "the artefact cannot be used: reading it broke off")))
    }
}

fn not_loaded(error: ClientError) -> Refusal {
    tracing::warn!(%error, "a version's file cannot be loaded to score with it");
    Refusal::Unavailable("the version's file cannot be loaded".into())
}

/// One question at work or waiting; given back when it is dropped.
struct Place<'a>(&'a Engine);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.places.fetch_sub(1, Ordering::Relaxed);
    }
}
