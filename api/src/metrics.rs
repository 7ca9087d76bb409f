//! What the server does, in numbers, in Prometheus' text format.
//!
//! Labels are the program's own words (types, fields, codes, loaders), never a client's: an operation's name as a
//! label would let anybody fill the memory of whoever collects them.

mod resolvers;
mod scoring;
mod text;

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, core::Collector};

use resolvers::Resolvers;

/// From a read by key to the longest that an operation may take.
const REQUEST_SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];
/// Fewer: there is a series for each field and loader.
const PART_SECONDS: &[f64] = &[0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0];
/// A batch has a page's keys at most, or those of a page of pages.
const BATCH_KEYS: &[f64] = &[1.0, 5.0, 20.0, 100.0, 500.0, 1000.0];

/// The server's counters. Make one, give it to [`ApiOptions`](crate::ApiOptions), serve it with
/// [`metrics_app`](crate::http::metrics_app).
pub struct Metrics {
    registry: Registry,
    started: Instant,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    errors: IntCounterVec,
    resolvers: Resolvers,
    loader_keys: HistogramVec,
    loader_seconds: HistogramVec,
    subscriptions: IntGauge,
    answers: IntCounter,
    pub(crate) scoring: scoring::ScoringMetrics,
    store: Mutex<text::StoreMetrics>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

/// How a GraphQL request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok,
    /// It ran, and there are errors in its answer.
    Errors,
    /// It did not run: malformed, not allowed, beyond a limit.
    Refused,
    Timeout,
}

impl Outcome {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Errors => "errors",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
        }
    }
}

impl Metrics {
    /// # Errors
    /// Never in practice: when two metrics have one name, which any test of this would find.
    pub fn new() -> Result<Arc<Self>, prometheus::Error> {
        let registry = Registry::new();
        let requests = counters("graphql_requests_total", "GraphQL operations", &["operation", "outcome"])?;
        let request_seconds = histogram(
            "graphql_request_duration_seconds",
            "How long an operation over POST took, from its head to its answer",
            REQUEST_SECONDS,
            "operation",
        )?;
        let errors = counters("graphql_errors_total", "Errors in GraphQL answers, by extensions.code", &["code"])?;
        let resolver_seconds = histogram(
            "graphql_resolver_duration_seconds",
            "How long a field took that returns objects, with everything below it",
            PART_SECONDS,
            "field",
        )?;
        let loader_keys =
            histogram("loader_batch_keys", "Keys in one batch; the count is that of batches", BATCH_KEYS, "loader")?;
        let loader_seconds =
            histogram("loader_duration_seconds", "How long a batch of children took", PART_SECONDS, "loader")?;
        let subscriptions = IntGauge::new("nunatak_graphql_subscriptions_open", "Subscriptions that are open")?;
        let answers = IntCounter::new("nunatak_graphql_subscription_answers_total", "Answers sent by subscriptions")?;
        let collectors: [Box<dyn Collector>; 8] = [
            Box::new(requests.clone()),
            Box::new(request_seconds.clone()),
            Box::new(errors.clone()),
            Box::new(resolver_seconds.clone()),
            Box::new(loader_keys.clone()),
            Box::new(loader_seconds.clone()),
            Box::new(subscriptions.clone()),
            Box::new(answers.clone()),
        ];
        for collector in collectors {
            registry.register(collector)?;
        }
        let scoring = scoring::ScoringMetrics::registered(&registry)?;
        let store = Mutex::new(text::StoreMetrics::registered(&registry)?);
        Ok(Arc::new(Self {
            registry,
            started: Instant::now(),
            requests,
            request_seconds,
            errors,
            resolvers: Resolvers::of(&crate::graphql::sdl(), resolver_seconds),
            loader_keys,
            loader_seconds,
            subscriptions,
            answers,
            scoring,
            store,
        }))
    }

    /// `operation` is `query`, `mutation`, `subscription` or `none` (of what is no operation at all).
    pub(crate) fn request(&self, operation: &'static str, outcome: Outcome) {
        self.requests.with_label_values(&[operation, outcome.word()]).inc();
    }

    pub(crate) fn request_took(&self, operation: &'static str, elapsed: Duration) {
        self.request_seconds.with_label_values(&[operation]).observe(elapsed.as_secs_f64());
    }

    pub(crate) fn error(&self, code: &str) {
        self.errors.with_label_values(&[code]).inc();
    }

    /// Where to tell how long this field took; `None` where it is not measured.
    pub(crate) fn resolver(&self, parent: &str, field: &str) -> Option<&prometheus::Histogram> {
        self.resolvers.histogram(parent, field)
    }

    pub(crate) fn batch(&self, loader: &str, keys: usize, elapsed: Duration) {
        #[expect(clippy::cast_precision_loss, reason = "a batch has a thousand keys at most")]
        self.loader_keys.with_label_values(&[loader]).observe(keys as f64);
        self.loader_seconds.with_label_values(&[loader]).observe(elapsed.as_secs_f64());
    }

    pub(crate) fn subscription_opened(&self) {
        self.subscriptions.inc();
    }

    pub(crate) fn subscription_closed(&self) {
        self.subscriptions.dec();
    }

    pub(crate) fn subscription_answered(&self) {
        self.answers.inc();
    }
}

fn counters(name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
    IntCounterVec::new(Opts::new(name, help).namespace("nunatak"), labels)
}

fn histogram(name: &str, help: &str, buckets: &[f64], label: &str) -> Result<HistogramVec, prometheus::Error> {
    HistogramVec::new(HistogramOpts::new(name, help).namespace("nunatak").buckets(buckets.to_vec()), &[label])
}
