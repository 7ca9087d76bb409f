//! The numbers as text, with those that are read when they are asked for.

use std::sync::PoisonError;

use nunatak_store::{Store, StoreStats};
use prometheus::{Counter, Gauge, IntCounter, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};

use super::Metrics;

/// What the store and the process know by themselves.
pub(super) struct StoreMetrics {
    statements: IntCounter,
    failed: IntCounter,
    slow: IntCounter,
    seconds: Counter,
    connections: IntGaugeVec,
    most: IntGaugeVec,
    held: [IntGauge; 2],
    freed: [IntCounter; 2],
    uptime: Gauge,
    resident: IntGauge,
}

impl StoreMetrics {
    pub(super) fn registered(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str| IntCounter::new(format!("nunatak_database_{name}"), help);
        let pools = |name: &str, help: &str, labels: &[&str]| {
            IntGaugeVec::new(Opts::new(format!("nunatak_database_{name}"), help), labels)
        };
        let own = Self {
            statements: counter("statements_total", "SQL statements")?,
            failed: counter("failed_statements_total", "SQL statements that failed")?,
            slow: counter("slow_statements_total", "SQL statements above slow_query_ms")?,
            seconds: Counter::new("nunatak_database_seconds_total", "Time of all SQL statements together")?,
            connections: pools("connections", "Open connections to the database", &["pool", "state"])?,
            most: pools("connections_max", "Most connections that a pool opens", &["pool"])?,
            held: [
                IntGauge::new("nunatak_files", "Whole files, when last counted")?,
                IntGauge::new("nunatak_files_bytes", "Bytes of whole files, when last counted")?,
            ],
            freed: [
                IntCounter::new("nunatak_files_removed_total", "Files removed that nothing referred to")?,
                IntCounter::new(
                    "nunatak_files_removed_bytes_total",
                    "Bytes of files removed that nothing referred to",
                )?,
            ],
            uptime: Gauge::new("nunatak_uptime_seconds", "Since the server's start")?,
            resident: IntGauge::new("process_resident_memory_bytes", "Resident memory size in bytes")?,
        };
        let build = Opts::new("nunatak_build_info", "Always 1; its label tells the version");
        let build = IntGauge::with_opts(build.const_label("version", env!("CARGO_PKG_VERSION")))?;
        build.set(1);
        registry.register(Box::new(build))?;
        registry.register(Box::new(own.statements.clone()))?;
        registry.register(Box::new(own.failed.clone()))?;
        registry.register(Box::new(own.slow.clone()))?;
        registry.register(Box::new(own.seconds.clone()))?;
        registry.register(Box::new(own.connections.clone()))?;
        registry.register(Box::new(own.most.clone()))?;
        for held in &own.held {
            registry.register(Box::new(held.clone()))?;
        }
        for freed in &own.freed {
            registry.register(Box::new(freed.clone()))?;
        }
        registry.register(Box::new(own.uptime.clone()))?;
        registry.register(Box::new(own.resident.clone()))?;
        Ok(own)
    }

    /// The store counts by itself; here the counters catch up.
    fn read(&self, stats: &StoreStats) {
        self.statements.inc_by(stats.statements.saturating_sub(self.statements.get()));
        self.failed.inc_by(stats.failed.saturating_sub(self.failed.get()));
        self.slow.inc_by(stats.slow.saturating_sub(self.slow.get()));
        self.seconds.inc_by((stats.busy.as_secs_f64() - self.seconds.get()).max(0.0));
        let whole = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        for pool in &stats.pools {
            let used = pool.open.saturating_sub(pool.idle);
            self.connections.with_label_values(&[pool.name, "idle"]).set(whole(pool.idle));
            self.connections.with_label_values(&[pool.name, "used"]).set(whole(used));
            self.most.with_label_values(&[pool.name]).set(whole(pool.max));
        }
        let files = stats.files;
        for (gauge, held) in self.held.iter().zip([files.held.files, files.held.bytes]) {
            gauge.set(i64::try_from(held).unwrap_or(i64::MAX));
        }
        for (counter, freed) in self.freed.iter().zip([files.freed.files, files.freed.bytes]) {
            counter.inc_by(freed.saturating_sub(counter.get()));
        }
        if let Some(bytes) = resident_bytes() {
            self.resident.set(bytes);
        }
    }
}

impl Metrics {
    /// Everything, as Prometheus' text format 0.0.4.
    pub(crate) fn text(&self, store: &Store) -> Result<String, prometheus::Error> {
        // Two who ask at once must not both let the counters catch up.
        let own = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        own.read(&store.stats());
        own.uptime.set(self.started.elapsed().as_secs_f64());
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

/// The process' resident memory, where the system tells it as Linux does.
fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<i64>().ok().map(|kilobytes| kilobytes * 1024)
}
