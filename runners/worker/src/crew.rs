//! What all jobs of a worker share.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use nunatak_client::Client;
use nunatak_client::runner::Registration;
use nunatak_detector::Detector;
use tokio_util::sync::CancellationToken;

use crate::cache::Cache;
use crate::scoring::Offer;
use crate::{WorkerOptions, catalogue};

#[derive(Debug)]
pub(crate) struct Crew {
    pub(crate) client: Client,
    pub(crate) detectors: Arc<Vec<Box<dyn Detector>>>,
    pub(crate) options: WorkerOptions,
    pub(crate) cache: Cache,
    registration: Mutex<Registration>,
    /// Where rows are scored at once, if they are.
    offer: Option<Offer>,
    /// Set first on shutdown: claim no more.
    pub(crate) closing: CancellationToken,
    /// Set when the drain time is over: give back what still runs.
    pub(crate) give_up: CancellationToken,
}

impl Crew {
    pub(crate) fn new(
        client: Client,
        detectors: Vec<Box<dyn Detector>>,
        options: WorkerOptions,
        registration: Registration,
        offer: Option<Offer>,
    ) -> anyhow::Result<Self> {
        let cache = Cache::open(&options.cache_dir, options.cache_max_bytes)
            .with_context(|| format!("cannot use the cache directory {}", options.cache_dir.display()))?;
        Ok(Self {
            client,
            detectors: Arc::new(detectors),
            options,
            cache,
            registration: Mutex::new(registration),
            offer,
            closing: CancellationToken::new(),
            give_up: CancellationToken::new(),
        })
    }

    pub(crate) fn registration(&self) -> Registration {
        self.registration.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// For a server that no longer knows this runner: its database was replaced.
    pub(crate) async fn register_again(&self) -> anyhow::Result<()> {
        let offer = self.offer.as_ref();
        let registration = catalogue::register(&self.client, &self.options, &self.detectors, offer).await?;
        *self.registration.lock().unwrap_or_else(PoisonError::into_inner) = registration;
        Ok(())
    }
}
