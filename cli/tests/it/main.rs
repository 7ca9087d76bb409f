//! The binary itself, as processes: what a user starts, and what happens when one is killed.

mod demo;
mod detect;
mod faults;
mod processes;
mod readme;
mod takeover;
