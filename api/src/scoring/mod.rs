//! Scoring at once: the server's side of the way to the runners that do it.
//!
//! [`ScoringRunners::score`] orders the runners for a version's file ([`choice`]), asks them one after the other over
//! connections that stay open ([`call`]) and takes the first good answer. Which runners there are is known from the
//! database, read once a second while somebody scores ([`roster`]).

mod call;
mod choice;
mod roster;
mod wire;

use std::{collections::HashSet, sync::Arc, time::Duration};

use nunatak_domain::Problem;
use nunatak_store::{Store, StoreError, scoring::ScoringRunner};
use reqwest::{Client, Url, redirect};
use tokio::time::Instant;

pub(crate) use self::wire::{Answer, Artifact, Question};
use self::{call::Outcome, roster::Roster};
use crate::{ApiOptions, Metrics, graphql::error::ApiError};

/// How long the server waits for runners that score at once.
#[derive(Debug, Clone, Copy)]
pub struct ScoringPatience {
    /// For a connection.
    pub connect: Duration,
    /// For an answer of one runner, which may have to load the version first.
    pub answer: Duration,
    /// A runner that did not answer is asked last for this long.
    pub leave_out: Duration,
    /// What is known of the runners may be this old.
    pub known_for: Duration,
}

impl Default for ScoringPatience {
    fn default() -> Self {
        Self {
            // Runners are near: a host that does not answer by then is not there.
            connect: Duration::from_millis(500),
            // A version of 1 GB is on its way for some seconds.
            answer: Duration::from_secs(15),
            leave_out: Duration::from_secs(5),
            known_for: Duration::from_secs(1),
        }
    }
}

/// Three waits for an answer end within the time that an operation has.
const MOST_ASKED: usize = 3;

/// The runners that score at once, as this server knows them.
#[derive(Debug)]
pub(crate) struct ScoringRunners {
    http: Option<Client>,
    roster: Roster,
    patience: ScoringPatience,
    metrics: Option<Arc<Metrics>>,
}

/// Why rows were not scored.
#[derive(Debug)]
pub(crate) enum Failed {
    /// Something about the rows or the version, which no other runner would see otherwise.
    Rows(Problem),
    Fault(ApiError),
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Invalid(mut problems) if problems.len() == 1 => Self::Rows(problems.remove(0)),
            error => Self::Fault(error.into()),
        }
    }
}

impl ScoringRunners {
    pub(crate) fn new(store: &Store, options: &ApiOptions) -> Self {
        let patience = options.scoring;
        let http = Client::builder()
            .connect_timeout(patience.connect)
            .timeout(patience.answer)
            // An administrator stated this very address: it does not get to name others.
            .redirect(redirect::Policy::none())
            // What the environment names is the way to the world, and runners are near.
            .no_proxy()
            .tcp_nodelay(true)
            .build();
        let http = http.inspect_err(|error| tracing::error!(%error, "no HTTP client: nothing can be scored at once"));
        Self {
            http: http.ok(),
            roster: Roster::new(store.clone(), patience),
            patience,
            metrics: options.metrics.clone(),
        }
    }

    /// The answer of the first runner that gives one. `detector` is the name and version of the one that trained.
    pub(crate) async fn score(&self, question: &Question<'_>, detector: (&str, &str)) -> Result<Answer, Failed> {
        let started = Instant::now();
        let answer = self.first_answer(question, detector).await;
        if let Some(metrics) = &self.metrics {
            metrics.scoring.answered(&answer, question.count(), started.elapsed());
        }
        answer
    }

    async fn first_answer(&self, question: &Question<'_>, detector: (&str, &str)) -> Result<Answer, Failed> {
        let Some(http) = &self.http else { return Err(no_runner(detector.0)) };
        let body = question.body().map_err(|error| Failed::Fault(StoreError::Corrupt(error.to_string()).into()))?;
        let begun = Instant::now();
        let (mut asked, mut overloaded) = (HashSet::new(), false);
        // A runner that has just started, or started again, is known once it is looked for anew.
        for known_since in [None, Some(begun)] {
            let runners = self.roster.able(detector, question.artifact.sha256, known_since).await?;
            for runner in runners {
                if asked.len() == MOST_ASKED || !asked.insert(call::address(&runner)) {
                    continue;
                }
                match call::ask(http, &runner, body.clone(), question).await {
                    Outcome::Answer(answer) => return Ok(answer),
                    Outcome::Refused(problem) => return Err(Failed::Rows(problem)),
                    Outcome::Overloaded => overloaded = true,
                    Outcome::Away(why) => self.note_away(&runner, &why),
                }
            }
        }
        Err(if overloaded { too_much() } else { no_runner(detector.0) })
    }

    fn note_away(&self, runner: &ScoringRunner, why: &str) {
        tracing::warn!(
            runner.id = %runner.id, runner.name = %runner.name, error = why,
            left_out_ms = self.patience.leave_out.as_millis() as u64, "a runner does not score; trying another"
        );
        self.roster.leave_out(runner);
        if let Some(metrics) = &self.metrics {
            metrics.scoring.failed_over();
        }
    }
}

fn no_runner(detector: &str) -> Failed {
    let message = format!(
        "no runner that scores at once is there for `{detector}`: start one (`nunatak runner --scoring-address …`), or \
         `predict` a dataset"
    );
    Failed::Fault(ApiError::refused("NO_SCORING_RUNNER", message))
}

fn too_much() -> Failed {
    let message = "the runners have more to score than they can take; try again in a moment, or start another runner";
    Failed::Fault(ApiError::refused("OVERLOADED", message))
}

/// The address that a runner states, without a slash at its end.
pub(crate) fn check_url(text: &str) -> Result<String, Problem> {
    const MOST: usize = 300;
    let refused = || {
        let message = "an address such as http://10.0.0.7:9470: http or https, without user, query and fragment";
        Problem::new("INVALID_URL", message)
    };
    let url = Url::parse(text).ok().filter(|_| text.len() <= MOST).ok_or_else(refused)?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if plain { Ok(url.as_str().trim_end_matches('/').to_owned()) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::check_url;

    #[test]
    fn addresses_are_plain() {
        assert_eq!(check_url("http://127.0.0.1:9470/").unwrap(), "http://127.0.0.1:9470");
        assert_eq!(check_url("https://scores.example/a").unwrap(), "https://scores.example/a");
        for wrong in ["file:///etc/passwd", "http://u:p@host/", "http://host/?q=1", "http://host/#f", "host:80", ""] {
            assert_eq!(check_url(wrong).unwrap_err().code, "INVALID_URL", "{wrong}");
        }
    }
}
