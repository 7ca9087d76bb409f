//! `nunatak server`.

use std::{fs::File, net::SocketAddr, os::unix::fs::DirBuilderExt, sync::Arc, time::Duration};

use anyhow::Context;
use clap::Args;
use nunatak_api::{ApiOptions, ApiState, Metrics, TokenKeys};
use nunatak_authz::Authorizer;
use nunatak_domain::SystemClock;
use nunatak_store::{SlowStatements, Store, StoreOptions};
use poem::{
    Endpoint, Server,
    listener::{Acceptor, Listener, TcpAcceptor, TcpListener},
};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    gc, migrate, runner,
    settings::{SettingFlags, Settings},
    shutdown,
};

#[derive(Args, Debug)]
pub(crate) struct ServerArgs {
    #[command(flatten)]
    flags: SettingFlags,
}

/// How often jobs of dead runners are given to others and abandoned uploads are removed.
const HOUSEKEEPING: Duration = Duration::from_secs(2);
/// Running answers get this long to finish when the server ends.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// A server that runs in this process until it is told to end.
pub(crate) struct Running {
    pub url: String,
    pub store: Store,
    end: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    /// Ends first: what it still has to report goes through the server.
    runner: Option<(watch::Sender<bool>, JoinHandle<()>)>,
    /// Held while it serves.
    _lock: File,
}

pub(crate) async fn run(args: ServerArgs) -> anyhow::Result<()> {
    let settings = Settings::load(&args.flags)?;
    let server = Box::pin(start(&settings)).await?;
    tracing::info!(url = %server.url, "serving; GraphiQL is at /graphiql");
    if !server.store.has_users().await? {
        tracing::info!("there is no account yet: make the first one with `nunatak admin create --login <name>`");
    }
    shutdown::requested().await;
    tracing::info!("ending: running jobs get {} s, or go to another runner", runner::DRAIN.as_secs());
    server.stop(GRACE).await;
    Ok(())
}

/// Two servers on one data directory would take uploads and the SQLite file out of each other's hands. Replicas on
/// PostgreSQL have a directory each, or share it knowingly.
fn lock_data_dir(settings: &Settings) -> anyhow::Result<File> {
    make_data_dir(settings)?;
    let path = settings.data_dir.join("server.lock");
    let lock = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    if settings.database_url.is_none() && lock.try_lock().is_err() {
        let directory = settings.data_dir.display();
        anyhow::bail!("another server is using {directory}; stop it, or give this one another --data-dir");
    }
    Ok(lock)
}

/// For its owner only: it holds the signing secret and everybody's data.
fn make_data_dir(settings: &Settings) -> anyhow::Result<()> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&settings.data_dir);
    made.with_context(|| format!("cannot make the data directory {}", settings.data_dir.display()))
}

/// Opens the store on an up-to-date schema.
pub(crate) async fn open_store(settings: &Settings) -> anyhow::Result<Store> {
    make_data_dir(settings)?;
    migrate::up(&settings.database_url()).await?;
    let mut options = StoreOptions::new(settings.database_url());
    options.data_dir = settings.data_dir.clone();
    options.max_connections = settings.max_connections;
    let threshold = Duration::from_millis(settings.slow_query_ms);
    options.slow = (!threshold.is_zero()).then(|| SlowStatements::above(threshold));
    anyhow::ensure!(settings.lease_seconds > 0, "lease_seconds must be at least 1");
    options.jobs.lease = Duration::from_secs(settings.lease_seconds);
    // Two heartbeats may get lost before a job goes to another runner.
    options.jobs.heartbeat = options.jobs.lease / 3;
    let authorizer = Authorizer::load().await.context("the policy does not load")?;
    Ok(Store::open(&options, authorizer, Arc::new(SystemClock)).await?)
}

/// Starts serving and returns once the port is open.
pub(crate) async fn start(settings: &Settings) -> anyhow::Result<Running> {
    let trust = settings.trust()?;
    let lock = lock_data_dir(settings)?;
    let store = open_store(settings).await?;
    store.join_replicas().await;
    store.keep_common_time().await?;
    let metrics = settings.metrics_address.as_ref().map(|_| Metrics::new()).transpose()?;
    let options = ApiOptions {
        allowed_origins: settings.allowed_origins.clone(),
        trust,
        metrics: metrics.clone(),
        ..ApiOptions::default()
    };
    let keys = Arc::new(TokenKeys::new(&settings.signing_secret()?));
    let state = ApiState { store: store.clone(), keys, options };
    let schema = nunatak_api::build_schema(&state);
    state.options.trust.check(&schema, &state.options).await.context("a trusted document does not hold")?;
    let app = nunatak_api::app(state, schema);

    let address = format!("{}:{}", settings.host, settings.port);
    let (acceptor, url) = listen(&address).await.context("choose another port with --port")?;
    let (end, ended) = watch::channel(false);
    let mut tasks = vec![
        tokio::spawn(serve(acceptor, app, ended.clone())),
        tokio::spawn(housekeeping(store.clone(), ended.clone())),
        tokio::spawn(collecting(store.clone(), settings.clone(), ended.clone())),
    ];
    if let (Some(metrics), Some(address)) = (metrics, &settings.metrics_address) {
        let (acceptor, url) = listen(address).await.context("metrics_address is a host and a port")?;
        tracing::info!(url = %format!("{url}/metrics"), "metrics for Prometheus, for anybody who reaches the address");
        tasks.push(tokio::spawn(serve(acceptor, nunatak_api::metrics_app(metrics, store.clone()), ended.clone())));
    }
    let runner = if settings.runner_embedded { Some(start_runner(&store, settings, &url).await?) } else { None };
    Ok(Running { url, store, end, tasks, runner, _lock: lock })
}

/// Opens a port and tells its URL.
async fn listen(address: &str) -> anyhow::Result<(TcpAcceptor, String)> {
    let acceptor = TcpListener::bind(address.to_owned())
        .into_acceptor()
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    let bound = acceptor.local_addr().first().and_then(|address| address.as_socket_addr().copied());
    let bound: SocketAddr = bound.context("the listener has no TCP address")?;
    Ok((acceptor, format!("http://{}:{}", visible_host(bound), bound.port())))
}

async fn serve(acceptor: TcpAcceptor, app: impl Endpoint + 'static, ended: watch::Receiver<bool>) {
    let server = Server::new_with_acceptor(acceptor);
    if let Err(error) = server.run_with_graceful_shutdown(app, told(ended), Some(GRACE)).await {
        tracing::error!(%error, "the listener failed");
    }
}

async fn start_runner(
    store: &Store,
    settings: &Settings,
    url: &str,
) -> anyhow::Result<(watch::Sender<bool>, JoinHandle<()>)> {
    let worker = runner::embedded(store, settings, url).await?;
    let (end, ended) = watch::channel(false);
    let task = tokio::spawn(async move {
        if let Err(error) = worker.run(told(ended)).await {
            tracing::error!(error.chain = %format!("{error:#}"), "the embedded runner ended");
        }
    });
    Ok((end, task))
}

impl Running {
    /// Ends the runner, then the server, and waits for both; for answers that are still being sent, `patience` at
    /// most.
    pub(crate) async fn stop(self, patience: Duration) {
        if let Some((end, task)) = self.runner {
            // An error says that it has ended already.
            let _ = end.send(true);
            if let Err(error) = task.await {
                tracing::error!(%error, "the embedded runner broke");
            }
        }
        // An error says that everything has ended already.
        let _ = self.end.send(true);
        for task in self.tasks {
            if let Ok(Err(error)) = tokio::time::timeout(patience, task).await {
                tracing::error!(%error, "a part of the server broke");
            }
        }
    }
}

/// The host under which this machine reaches the address.
fn visible_host(address: SocketAddr) -> String {
    match address.ip() {
        ip if ip.is_unspecified() => "127.0.0.1".to_owned(),
        std::net::IpAddr::V6(ip) => format!("[{ip}]"),
        ip => ip.to_string(),
    }
}

async fn told(mut ended: watch::Receiver<bool>) {
    // An error says that the sender is gone, which is an end, too.
    let _ = ended.wait_for(|ended| *ended).await;
}

async fn housekeeping(store: Store, ended: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(HOUSEKEEPING);
    let end = told(ended);
    tokio::pin!(end);
    loop {
        tokio::select! {
            () = &mut end => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = store.reap_jobs().await {
            tracing::warn!(%error, "jobs of dead runners could not be reaped; trying again");
        }
        if let Err(error) = store.sweep_uploads().await {
            tracing::warn!(%error, "abandoned uploads could not be swept; trying again");
        }
    }
}

async fn collecting(store: Store, settings: Settings, ended: watch::Receiver<bool>) {
    tokio::select! {
        () = told(ended) => {}
        () = gc::regularly(store, &settings) => {}
    }
}
