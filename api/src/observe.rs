//! In whose name a task works: what the log of slow statements and the loaders' metrics need to know.

use std::{future::Future, sync::Arc, time::Instant};

use futures_util::{Stream, StreamExt, stream};
use nunatak_store::Origin;

use crate::Metrics;

tokio::task_local! {
    static METRICS: Arc<Metrics>;
}

/// One operation's request and counters.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    origin: Origin,
    metrics: Option<Arc<Metrics>>,
}

impl Scope {
    pub(crate) fn new(request_id: &str, operation: Option<&str>, metrics: Option<&Arc<Metrics>>) -> Self {
        let operation = operation.map(|name| cut(name).into());
        Self { origin: Origin { request_id: request_id.into(), operation }, metrics: metrics.cloned() }
    }

    pub(crate) async fn around<F: Future>(self, work: F) -> F::Output {
        match self.metrics {
            Some(metrics) => METRICS.scope(metrics, self.origin.scope(work)).await,
            None => self.origin.scope(work).await,
        }
    }

    /// The stream with each of its steps in this scope.
    pub(crate) fn around_stream<T>(
        self,
        mut steps: impl Stream<Item = T> + Unpin + Send + 'static,
    ) -> impl Stream<Item = T> + Send + 'static {
        stream::poll_fn(move |cx| {
            let mut step = || self.origin.clone().sync_scope(|| steps.poll_next_unpin(cx));
            match &self.metrics {
                Some(metrics) => METRICS.sync_scope(metrics.clone(), step),
                None => step(),
            }
        })
    }
}

/// A name goes into a line of the log, and clients choose it.
fn cut(name: &str) -> &str {
    const MOST: usize = 100;
    &name[..name.floor_char_boundary(MOST)]
}

/// Counts and times one batch of a loader's, named by its key type.
pub(crate) async fn batch<K, F: Future>(keys: usize, work: F) -> F::Output {
    let started = Instant::now();
    let done = work.await;
    // An error says that nobody counts.
    let _ = METRICS.try_with(|metrics| metrics.batch(short_name::<K>(), keys, started.elapsed()));
    done
}

fn short_name<K>() -> &'static str {
    let name = std::any::type_name::<K>();
    name.rsplit("::").next().unwrap_or(name)
}
