//! One binary for all integration tests of this crate.

mod calibration;
mod contributions;
mod control_charts;
mod evaluation;
mod forecasts;
mod gates;
mod hostile;
mod neighborhoods;
mod page;
mod parity;
mod promises;
mod reference;
mod robust;
mod series;
mod settings;
mod supervised;
