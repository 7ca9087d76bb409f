//! The binary itself, as processes: what a user starts, and what happens when one is killed.

mod demo;
mod detect;
mod processes;
mod readme;
mod scoring;
mod sweep;
mod takeover;
