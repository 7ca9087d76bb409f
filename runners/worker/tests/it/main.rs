//! The worker against a server that answers from a script: the protocol of runners, without a database.

mod detectors;
mod faults;
mod happy;
mod scoring;
mod server;
mod setup;
