//! The numbers as text, with those that are read when they are asked for.

use std::{sync::PoisonError, time::Duration};

use nunatak_domain::Timestamp;
use nunatak_store::{
    AttemptEnd, Store, StoreStats,
    jobs::{QueueState, RunnerCounts},
};
use prometheus::{Counter, Gauge, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};

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
    jobs: IntGaugeVec,
    detector_jobs: IntGaugeVec,
    oldest: Gauge,
    stuck: IntGauge,
    runners: IntGaugeVec,
    capacity: IntGauge,
    attempts: IntCounterVec,
}

impl StoreMetrics {
    pub(super) fn registered(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str| IntCounter::new(format!("nunatak_database_{name}"), help);
        let pools = |name: &str, help: &str, labels: &[&str]| {
            IntGaugeVec::new(Opts::new(format!("nunatak_database_{name}"), help), labels)
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            IntGaugeVec::new(Opts::new(name, help).namespace("nunatak"), labels)
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
            jobs: gauges("jobs", "Jobs that are not over", &["status"])?,
            detector_jobs: gauges("detector_jobs", "Jobs that are not over, by detector", &["detector", "status"])?,
            oldest: Gauge::new("nunatak_jobs_oldest_queued_seconds", "How long the oldest waiting job has waited")?,
            stuck: IntGauge::new("nunatak_jobs_without_runner", "Waiting jobs whose detector no runner online offers")?,
            runners: gauges("runners", "Runners", &["status"])?,
            capacity: IntGauge::new("nunatak_runner_capacity", "How many jobs the runners online take together")?,
            attempts: IntCounterVec::new(
                Opts::new("nunatak_job_attempts_ended_total", "Attempts at jobs that this server saw end"),
                &["end"],
            )?,
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
        registry.register(Box::new(own.jobs.clone()))?;
        registry.register(Box::new(own.detector_jobs.clone()))?;
        registry.register(Box::new(own.oldest.clone()))?;
        registry.register(Box::new(own.stuck.clone()))?;
        registry.register(Box::new(own.runners.clone()))?;
        registry.register(Box::new(own.capacity.clone()))?;
        registry.register(Box::new(own.attempts.clone()))?;
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
        for (end, count) in AttemptEnd::ALL.iter().zip(stats.attempts) {
            let counter = self.attempts.with_label_values(&[end.word()]);
            counter.inc_by(count.saturating_sub(counter.get()));
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

    fn read_health(&self, queue: &QueueState, runners: RunnerCounts, now: Timestamp) {
        self.jobs.with_label_values(&["queued"]).set(queue.queued);
        self.jobs.with_label_values(&["running"]).set(queue.running);
        // Those of detectors that have none any more must go.
        self.detector_jobs.reset();
        for detector in &queue.detectors {
            for (status, jobs) in [("queued", detector.queued), ("running", detector.running)] {
                self.detector_jobs.with_label_values(&[detector.name.as_str(), status]).add(jobs);
            }
        }
        let waited = queue.oldest_queued_at.map_or(0, |at| now.micros() - at.micros());
        self.oldest.set(Duration::from_micros(waited.max(0).unsigned_abs()).as_secs_f64());
        let stuck = queue.detectors.iter().filter(|detector| detector.runners == 0);
        self.stuck.set(stuck.map(|detector| detector.queued).sum());
        let states = [("online", runners.online), ("draining", runners.draining), ("offline", runners.offline)];
        for (status, count) in states {
            self.runners.with_label_values(&[status]).set(count);
        }
        self.capacity.set(runners.capacity);
    }
}

impl Metrics {
    /// Everything, as Prometheus' text format 0.0.4.
    pub(crate) async fn text(&self, store: &Store) -> Result<String, prometheus::Error> {
        let health = store.installation_health().await;
        // Two who ask at once must not both let the counters catch up.
        let own = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        own.read(&store.stats());
        match health {
            Ok((queue, runners)) => own.read_health(&queue, runners, store.now()),
            // The other numbers may tell why.
            Err(error) => tracing::warn!(%error, "the queue's state is as it was last read"),
        }
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
