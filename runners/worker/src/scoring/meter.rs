//! What scoring does, in numbers, in Prometheus' text format.

use std::time::Duration;

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};

/// One row takes microseconds, ten thousand rows of a slow method a second.
const SECONDS: &[f64] = &[0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.01, 0.05, 0.25, 1.0, 5.0];
const LOAD_SECONDS: &[f64] = &[0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0];
const COUNTS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 64.0, 256.0, 1024.0];

#[derive(Debug)]
pub(crate) struct Meter {
    registry: Registry,
    requests: IntCounterVec,
    seconds: Histogram,
    rows: IntCounter,
    batch_requests: Histogram,
    pub(super) waiting: IntGauge,
    pub(super) hits: IntCounter,
    loads: Histogram,
    pub(super) evictions: IntCounter,
    models: IntGauge,
    model_bytes: IntGauge,
}

impl Meter {
    pub(super) fn new() -> Result<Self, prometheus::Error> {
        let name = |name: &str| format!("nunatak_scorer_{name}");
        let histogram = |at: &str, help: &str, buckets: &[f64]| {
            Histogram::with_opts(HistogramOpts::new(name(at), help).buckets(buckets.to_vec()))
        };
        let requests = Opts::new(name("requests_total"), "Questions of the server");
        let own = Self {
            registry: Registry::new(),
            requests: IntCounterVec::new(requests, &["outcome"])?,
            seconds: histogram("duration_seconds", "From a question's body to its answer", SECONDS)?,
            rows: IntCounter::new(name("rows_total"), "Rows scored")?,
            batch_requests: histogram("batch_requests", "Questions scored in one call; the count is calls", COUNTS)?,
            waiting: IntGauge::new(name("waiting"), "Questions that wait for a thread")?,
            hits: IntCounter::new(name("model_hits_total"), "Questions whose model was in memory")?,
            loads: histogram("model_load_seconds", "How long models took to load; the count is loads", LOAD_SECONDS)?,
            evictions: IntCounter::new(name("model_evictions_total"), "Models that made room for others")?,
            models: IntGauge::new(name("models"), "Models in memory")?,
            model_bytes: IntGauge::new(name("model_bytes"), "Bytes of their files")?,
        };
        own.registry.register(Box::new(own.requests.clone()))?;
        own.registry.register(Box::new(own.seconds.clone()))?;
        own.registry.register(Box::new(own.rows.clone()))?;
        own.registry.register(Box::new(own.batch_requests.clone()))?;
        own.registry.register(Box::new(own.waiting.clone()))?;
        own.registry.register(Box::new(own.hits.clone()))?;
        own.registry.register(Box::new(own.loads.clone()))?;
        own.registry.register(Box::new(own.evictions.clone()))?;
        own.registry.register(Box::new(own.models.clone()))?;
        own.registry.register(Box::new(own.model_bytes.clone()))?;
        Ok(own)
    }

    pub(super) fn answered(&self, outcome: &'static str, elapsed: Duration) {
        self.requests.with_label_values(&[outcome]).inc();
        self.seconds.observe(elapsed.as_secs_f64());
    }

    pub(super) fn scored(&self, requests: usize, rows: usize) {
        self.rows.inc_by(rows as u64);
        self.batch_requests.observe(requests as f64);
    }

    pub(super) fn loaded(&self, elapsed: Duration) {
        self.loads.observe(elapsed.as_secs_f64());
    }

    pub(super) fn cached(&self, models: usize, bytes: u64) {
        self.models.set(i64::try_from(models).unwrap_or(i64::MAX));
        self.model_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    pub(super) fn text(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}
