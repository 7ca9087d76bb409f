//! The worker inside every Rust runner: it claims jobs over GraphQL, fetches their data, runs a detector, and delivers.
//!
//! [`Worker`] knows leases, cancelling, caching and threads. It knows no mathematics (that is the detectors') and no
//! database (that is the server's): whatever it does, a runner in another language could do with the same API.
//!
//! One claim is one [`attempt`]: fetch -> compute -> deliver, beside it the heartbeat that keeps the lease and the stream of
//! progress. Whatever ends an attempt early is a [`stop`] reason; whatever goes wrong is a [`failure`] that says whether
//! another runner should try.
//!
//! # Adding a kind of job
//! Give it a file in `jobs/` that ends in the input of `completeJob`, and an arm in `attempt.rs`.

mod attempt;
mod cache;
mod catalogue;
mod claims;
mod compute;
mod crew;
mod failure;
mod jobs;
mod journal;
mod lease;
mod options;
mod progress;
mod results;
mod scores;
mod stop;
mod worker;

pub use options::WorkerOptions;
pub use worker::Worker;
