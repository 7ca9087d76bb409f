//! Files that nothing refers to: `nunatak gc`, and what the server does by itself.

use std::time::Duration;

use anyhow::Context;
use clap::Args;
use nunatak_store::{
    Store,
    files::{Collect, Tally},
};

use crate::{
    server,
    settings::{SettingFlags, Settings},
};

#[derive(Args, Debug)]
pub(crate) struct GcArgs {
    /// Only say what would be removed.
    #[arg(long)]
    dry_run: bool,
    /// What was sent less long ago stays, such as `90m`, `24h` or `7d` [default: the server's gc_grace_hours].
    /// With less than an hour, uploads may go that somebody is about to use: they would have to be sent again.
    #[arg(long, value_parser = duration)]
    grace: Option<Duration>,
    #[command(flatten)]
    flags: SettingFlags,
}

pub(crate) async fn run(args: GcArgs) -> anyhow::Result<()> {
    let settings = Settings::load(&args.flags)?;
    let store = server::open_store(&settings).await?;
    let how = Collect { grace: args.grace.unwrap_or(grace(&settings)), dry_run: args.dry_run };
    let collected = store.collect(how).await?;
    let verb = if args.dry_run { "would remove" } else { "removed" };
    println!("{verb} {} that nothing refers to", text(collected.blobs));
    println!("{verb} {} of abandoned uploads", text(collected.parts));
    println!("kept {}", text(store.stats().files.held));
    Ok(())
}

/// Removes in the rhythm of the settings, for ever. May be dropped at any time.
pub(crate) async fn regularly(store: Store, settings: &Settings) {
    if let Err(error) = store.measure_files().await {
        tracing::warn!(%error, "the files could not be measured");
    }
    if settings.gc_interval_minutes == 0 {
        return std::future::pending().await;
    }
    let every = Duration::from_secs(settings.gc_interval_minutes.saturating_mul(60));
    let how = Collect { grace: grace(settings), dry_run: false };
    loop {
        tokio::time::sleep(every).await;
        match store.collect(how).await {
            Ok(collected) => tracing::info!(
                files = collected.blobs.files + collected.parts.files,
                bytes = collected.blobs.bytes + collected.parts.bytes,
                "removed files that nothing refers to"
            ),
            Err(error) => tracing::warn!(%error, "files that nothing refers to could not be removed; trying again"),
        }
    }
}

fn grace(settings: &Settings) -> Duration {
    Duration::from_secs(settings.gc_grace_hours.saturating_mul(3600))
}

fn text(tally: Tally) -> String {
    let files = if tally.files == 1 { "file" } else { "files" };
    format!("{} {files} ({})", tally.files, indicatif::HumanBytes(tally.bytes))
}

/// A whole number and its unit; 0 needs none.
fn duration(text: &str) -> anyhow::Result<Duration> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let wrong = || format!("`{text}` is no duration; write 90m, 24h or 7d");
    let number: u64 = digits.parse().with_context(wrong)?;
    let seconds = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86400,
        "" if number == 0 => 0,
        _ => anyhow::bail!(wrong()),
    };
    Ok(Duration::from_secs(number.saturating_mul(seconds)))
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations_have_a_unit() {
        let seconds = |text| duration(text).unwrap().as_secs();
        assert_eq!(["0", "0s", "90m", "24h", "7d"].map(seconds), [0, 0, 5400, 86400, 604_800]);
        for wrong in ["", "5", "h", "-1h", "1 day", "1.5h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
