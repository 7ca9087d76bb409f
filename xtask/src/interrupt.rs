//! Ctrl-C and its kin set a flag, so that what was started is stopped in order.

use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, bail};
use rustix::process::Signal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

static RECEIVED: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

/// From here on a signal sets the flag instead of ending the process.
pub(crate) fn watch() -> Result<()> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // `nohup` and shells that start us in the background ignore signals on our behalf.
        if !is_ignored(signal) {
            signal_hook::flag::register_usize(signal, Arc::clone(&RECEIVED), signal.unsigned_abs() as usize)?;
        }
    }
    Ok(())
}

pub(crate) fn received() -> Option<Signal> {
    let number = i32::try_from(RECEIVED.load(Ordering::Relaxed)).ok()?;
    Signal::from_named_raw(number)
}

/// Fails once a signal has come.
pub(crate) fn check() -> Result<()> {
    if let Some(signal) = received() {
        bail!("interrupted by signal {}", signal.as_raw());
    }
    Ok(())
}

fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0);
    mask & (1 << (signal - 1)) != 0
}
