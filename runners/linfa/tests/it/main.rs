//! One binary for all integration tests of this crate.

mod calibration;
mod control_charts;
mod forecasts;
mod evaluation;
mod contributions;
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
