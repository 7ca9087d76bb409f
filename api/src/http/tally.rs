//! Counting what becomes of requests.

use std::{sync::Arc, time::Instant};

use async_graphql::Response as GraphQlResponse;

use super::graphql::{Refusal, code, did_not_run};
use crate::{Metrics, metrics::Outcome};

/// One operation's entry in the metrics, if there are any.
pub(super) struct Tally<'a> {
    metrics: Option<&'a Arc<Metrics>>,
    started: Instant,
}

impl<'a> Tally<'a> {
    pub(super) fn begin(metrics: Option<&'a Arc<Metrics>>) -> Self {
        Self { metrics, started: Instant::now() }
    }

    /// It did not even get to the schema.
    pub(super) fn refused(&self, operation: &'static str, refusal: &Refusal) {
        let Some(metrics) = self.metrics else { return };
        metrics.error(refusal.code());
        metrics.request(operation, Outcome::Refused);
        metrics.request_took(operation, self.started.elapsed());
    }

    /// The answer has its codes already.
    pub(super) fn answered(&self, operation: &'static str, answer: &GraphQlResponse) {
        let Some(metrics) = self.metrics else { return };
        metrics.request(operation, errors(metrics, answer));
        metrics.request_took(operation, self.started.elapsed());
    }
}

/// Counts an answer of a subscription; its first one says what became of the request.
pub(super) fn live_answer(metrics: &Metrics, answer: &GraphQlResponse, first: bool) {
    let outcome = errors(metrics, answer);
    metrics.subscription_answered();
    if first {
        metrics.request("subscription", outcome);
    }
}

/// Counts an answer's errors and says what they make of it.
fn errors(metrics: &Metrics, answer: &GraphQlResponse) -> Outcome {
    for error in &answer.errors {
        metrics.error(code(error).unwrap_or("none"));
    }
    if answer.errors.is_empty() {
        Outcome::Ok
    } else if answer.errors.iter().any(|error| code(error) == Some("TIMEOUT")) {
        Outcome::Timeout
    } else if did_not_run(answer) {
        Outcome::Refused
    } else {
        Outcome::Errors
    }
}
