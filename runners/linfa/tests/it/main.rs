//! One binary for all integration tests of this crate.

mod contributions;
mod gates;
mod hostile;
mod parity;
mod reference;
mod robust;
mod series;
mod settings;
