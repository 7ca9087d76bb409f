//! One binary for all integration tests of this crate.

mod calibration;
mod control_charts;
mod forecasts;
mod evaluation;
mod gates;
mod hostile;
mod neighborhoods;
mod page;
mod parity;
mod promises;
mod reference;
mod series;
mod settings;
mod supervised;
