//! Runs an operation and, whenever it waits for its children, their batches.

use std::{
    future::{Future, poll_fn},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::{
    Stream, StreamExt,
    future::BoxFuture,
    stream::{self, FuturesUnordered},
    task::AtomicWaker,
};

use super::Loaders;

/// Fetches what an operation's [`Loaders`] are asked for.
///
/// Polling the operation once asks every field that can be asked. When it neither is done nor woke itself, it waits:
/// the batches are as full as they will get. They run within the operation's own task, and end with it.
pub(crate) struct Driver {
    loaders: Arc<Loaders>,
    batches: FuturesUnordered<BoxFuture<'static, ()>>,
    woken: Arc<Woken>,
}

/// Wakes the task, and remembers that it did.
#[derive(Default)]
struct Woken {
    again: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.again.store(true, Ordering::SeqCst);
        self.task.wake();
    }
}

impl Driver {
    pub(crate) fn new(loaders: Arc<Loaders>) -> Self {
        Self { loaders, batches: FuturesUnordered::new(), woken: Arc::default() }
    }

    pub(crate) async fn run<F: Future>(mut self, operation: F) -> F::Output {
        let mut operation = Box::pin(operation);
        poll_fn(move |cx| self.step(cx, |cx| operation.as_mut().poll(cx))).await
    }

    pub(crate) fn run_stream<T>(
        mut self,
        mut answers: impl Stream<Item = T> + Unpin + Send + 'static,
    ) -> impl Stream<Item = T> + Send + 'static {
        stream::poll_fn(move |cx| self.step(cx, |cx| answers.poll_next_unpin(cx)))
    }

    fn step<T>(&mut self, cx: &mut Context<'_>, mut work: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        self.woken.task.register(cx.waker());
        let waker = Waker::from(self.woken.clone());
        loop {
            self.woken.again.store(false, Ordering::SeqCst);
            if let Poll::Ready(done) = work(&mut Context::from_waker(&waker)) {
                return Poll::Ready(done);
            }
            // Whoever woke itself has more to ask, and the task is polled again for it.
            if self.woken.again.load(Ordering::SeqCst) {
                return Poll::Pending;
            }
            let ready = std::mem::take(&mut self.loaders.state().ready);
            self.batches.extend(ready.into_iter().map(|batch| batch(&self.loaders)));
            match self.batches.poll_next_unpin(cx) {
                Poll::Ready(Some(())) => {}
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use futures_util::future::join_all;
    use nunatak_authz::Actor;
    use nunatak_store::{Store, StoreError, StoreOptions};

    use super::{super::BatchKey, *};

    #[derive(Debug, Clone, PartialEq, Eq, Hash)]
    struct Number(u32);

    impl BatchKey for Number {
        /// The number, and with how many it was fetched.
        type Value = (u32, usize);

        async fn load(_: &Store, _: &Actor, keys: &[Self]) -> Result<HashMap<Self, Self::Value>, StoreError> {
            tokio::task::yield_now().await;
            Ok(keys.iter().filter(|key| key.0 < 1_000).map(|key| (key.clone(), (key.0, keys.len()))).collect())
        }
    }

    async fn loaders(remembers: bool) -> Arc<Loaders> {
        let directory = std::env::temp_dir().join(format!("nunatak-driver-{}", std::process::id()));
        let options = StoreOptions { data_dir: directory, ..StoreOptions::new("sqlite::memory:") };
        let authorizer = nunatak_authz::Authorizer::load().await.unwrap();
        let store = Store::open(&options, authorizer, Arc::new(nunatak_domain::SystemClock)).await.unwrap();
        Loaders::new(store, Actor::Anonymous, remembers)
    }

    async fn load(loaders: &Loaders, number: u32) -> Option<(u32, usize)> {
        loaders.load(Number(number)).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_asked_at_once_is_one_batch() {
        let loaders = loaders(true).await;
        let asked = async {
            let first = join_all((0..500).map(|number| load(&loaders, number))).await;
            // Some of them are known by now.
            let second = join_all((498..502).map(|number| load(&loaders, number))).await;
            (first, second, load(&loaders, 1_000).await)
        };
        let (first, second, missing) = Driver::new(loaders.clone()).run(asked).await;
        assert_eq!(first, (0..500).map(|number| Some((number, 500))).collect::<Vec<_>>());
        let batches: Vec<_> = second.into_iter().flatten().map(|(_, size)| size).collect();
        assert_eq!((batches, missing), (vec![500, 500, 2, 2], None));
    }

    #[tokio::test]
    async fn who_is_busy_still_gets_into_the_batch() {
        let loaders = loaders(true).await;
        let late = async |rounds: u32| {
            let mut left = rounds;
            let busy = poll_fn(|cx| match left.checked_sub(1) {
                Some(fewer) => {
                    left = fewer;
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                None => Poll::Ready(()),
            });
            busy.await;
            load(&loaders, rounds).await
        };
        let found = Driver::new(loaders.clone()).run(join_all((0..5).map(late))).await;
        assert_eq!(found, (0..5).map(|number| Some((number, 5))).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn what_is_live_is_fetched_afresh() {
        let loaders = loaders(false).await;
        loaders.feed([(Number(7), (7, 99))]);
        let (asked, again) = (loaders.clone(), loaders.clone());
        let answers = stream::iter([asked, again]).then(|loaders| async move { load(&loaders, 7).await });
        let found: Vec<_> = Driver::new(loaders).run_stream(Box::pin(answers)).collect().await;
        assert_eq!(found, [Some((7, 1)), Some((7, 1))]);
    }
}
