//! One binary for all integration tests of this crate.

mod calibration;
mod gates;
mod hostile;
mod parity;
mod promises;
mod reference;
mod series;
mod settings;
