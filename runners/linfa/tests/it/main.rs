//! One binary for all integration tests of this crate.

mod gates;
mod hostile;
mod page;
mod parity;
mod reference;
mod series;
mod settings;
mod supervised;
