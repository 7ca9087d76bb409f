//! Scoring at once, as the server sees it.

use std::time::Duration;

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry};

use crate::scoring::{Answer, Failed};

/// Most are answered within a millisecond; one that has to load its version takes seconds.
const SECONDS: &[f64] = &[0.000_25, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 15.0];

pub(crate) struct ScoringMetrics {
    requests: IntCounterVec,
    seconds: Histogram,
    rows: IntCounter,
    failovers: IntCounter,
}

impl ScoringMetrics {
    pub(super) fn registered(registry: &Registry) -> Result<Self, prometheus::Error> {
        let requests = Opts::new("nunatak_scoring_requests_total", "Requests to score rows at once");
        let seconds = HistogramOpts::new(
            "nunatak_scoring_duration_seconds",
            "How long runners took to score, from the first that was asked to the answer",
        );
        let own = Self {
            requests: IntCounterVec::new(requests, &["outcome"])?,
            seconds: Histogram::with_opts(seconds.buckets(SECONDS.to_vec()))?,
            rows: IntCounter::new("nunatak_scoring_rows_total", "Rows scored at once")?,
            failovers: IntCounter::new("nunatak_scoring_failovers_total", "Runners that did not answer a question")?,
        };
        registry.register(Box::new(own.requests.clone()))?;
        registry.register(Box::new(own.seconds.clone()))?;
        registry.register(Box::new(own.rows.clone()))?;
        registry.register(Box::new(own.failovers.clone()))?;
        Ok(own)
    }

    pub(crate) fn answered(&self, answer: &Result<Answer, Failed>, rows: usize, elapsed: Duration) {
        let outcome = match answer {
            Ok(_) => "ok",
            Err(Failed::Rows(_)) => "refused",
            Err(Failed::Fault(fault)) => match fault.code() {
                "OVERLOADED" => "overloaded",
                "NO_SCORING_RUNNER" => "no_runner",
                _ => "error",
            },
        };
        self.requests.with_label_values(&[outcome]).inc();
        self.seconds.observe(elapsed.as_secs_f64());
        if answer.is_ok() {
            self.rows.inc_by(rows as u64);
        }
    }

    pub(crate) fn failed_over(&self) {
        self.failovers.inc();
    }
}
