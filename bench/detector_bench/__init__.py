"""The parts of `cargo xtask bench detectors`."""
