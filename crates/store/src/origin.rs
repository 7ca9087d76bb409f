//! Whose statement it is: the request that a task works for, for the log.

use std::{future::Future, sync::Arc};

tokio::task_local! {
    static ORIGIN: Origin;
}

/// The request in whose name statements run. Both texts go into the log as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub request_id: Arc<str>,
    /// The name that the client gave its GraphQL operation.
    pub operation: Option<Arc<str>>,
}

impl Origin {
    /// What the running task works for. A task that it spawns knows nothing of it, unless it is scoped anew.
    #[must_use]
    pub fn current() -> Option<Self> {
        ORIGIN.try_with(Clone::clone).ok()
    }

    /// Runs `work` in this request's name.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        ORIGIN.scope(self, work).await
    }

    /// The same for one step of something that is polled by hand.
    pub fn sync_scope<T>(self, step: impl FnOnce() -> T) -> T {
        ORIGIN.sync_scope(self, step)
    }
}
