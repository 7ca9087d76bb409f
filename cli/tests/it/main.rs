//! The binary itself, as processes: what a user starts, and what happens when one is killed.

mod add_a_detector;
mod demo;
mod detect;
mod faults;
mod processes;
mod protocol;
mod readme;
mod scoring;
mod shell;
mod sweep;
mod takeover;
