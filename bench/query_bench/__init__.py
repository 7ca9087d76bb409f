"""The parts of `cargo xtask bench query`."""
