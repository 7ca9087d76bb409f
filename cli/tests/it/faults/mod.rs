//! What happens when something breaks: a runner, the server, the network, the database, a clock, a disk.
//!
//! Real processes with a [`proxy`] between runner and server that stops them at a call, so that nothing is left to luck
//! and nothing is waited for that does not happen. Each story ends with [`World::aftermath`]: every job has ended once,
//! with a reason where it failed, and no file is left that nothing refers to.

mod clock;
mod database;
mod disk;
mod killed_runner;
mod killed_server;
mod late;
mod poison;
mod proxy;
mod world;

use proxy::{Fault, Proxy};
use world::World;
