use async_graphql::{Context, Error, ID, Subscription};
use chrono::{DateTime, Utc};
use futures_util::{Stream, StreamExt};
use nunatak_domain::{PageRequest, Timestamp, VersionId, filter::VersionFilter};
use nunatak_store::{Event, StoreError, since::registered_since};

use super::{
    super::{
        context::{ContextExt, parse_id},
        error::ApiError,
        live::{AT_ONCE, Ask, follow},
    },
    Version, VersionFilterInput,
};

#[derive(Default, Debug)]
pub struct VersionSubscription;

#[Subscription]
impl VersionSubscription {
    /// Each version that is registered from now on and passes the filter at that moment. A version may come again,
    /// after a burst or where the connection between servers was lost. Ends when the token does, and after an error.
    async fn version_registered(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones; all that you may see unless said. Has room for one condition less than in the \
                          query `versions`.")]
        filter: Option<VersionFilterInput>,
        #[graphql(desc = "First those that were registered at this moment or later, oldest first, 1000 at most \
                          (`LIMIT_EXCEEDED`). To go on after a break, give the `extensions.since` of the last answer: \
                          then nothing is left out, and some is sent twice.")]
        since: Option<DateTime<Utc>>,
    ) -> Result<impl Stream<Item = Result<Version, Error>> + use<>, ApiError> {
        let filter = filter.unwrap_or_default().parse()?;
        // As it will be asked, so that it fails now or never.
        registered_since(filter.clone(), AT_ONCE).check_limits().map_err(StoreError::from)?;
        let wanted = |event| match event {
            Event::VersionRegistered { version, .. } => Some(version),
            _ => None,
        };
        let most = ctx.state().options.max_since;
        let versions = follow(ctx, since.map(Timestamp::from), wanted, move |store, actor, ask| {
            let filter = filter.clone();
            async move {
                let ids = match ask {
                    Ask::These(ids) => ids,
                    Ask::Since(since) => return store.versions_since(&actor, &filter, since, most).await,
                };
                let asked = VersionFilter::Id(ids).and(filter);
                let all = PageRequest::first(PageRequest::MAX.unsigned_abs());
                let page = store.versions(&actor, &asked, &[], &all).await?;
                Ok(page.items.into_iter().rev().map(|(_, version)| version).collect())
            }
        });
        Ok(versions.map(|version| version.map(Version::from)))
    }

    /// A version at once, and again whenever metrics were logged on it: select its `metrics`, which are whole each
    /// time. Logging in quick succession may come as one. Ends when the token does, and after an error.
    async fn metric_logged(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "`ver_…`")] version: ID,
        #[graphql(desc = "At once only if metrics may have been logged at this moment or later. To go on after a \
                          break, give the `extensions.since` of the last answer.")]
        since: Option<DateTime<Utc>>,
    ) -> Result<impl Stream<Item = Result<Version, Error>> + use<>, ApiError> {
        let id: VersionId = parse_id(&version, "version")?;
        let wanted = move |event| match event {
            Event::MetricLogged { version, .. } => (version == id).then_some(version),
            _ => None,
        };
        let start = since.map_or(AT_ONCE, Timestamp::from);
        let versions = follow(ctx, Some(start), wanted, move |store, actor, ask| async move {
            let Some(version) = store.versions_by_ids(&actor, &[id]).await?.remove(&id) else { return Ok(Vec::new()) };
            let logged = match ask {
                Ask::These(_) => true,
                Ask::Since(since) => store.metrics_logged_since(&version, since).await?,
            };
            Ok(logged.then_some(version).into_iter().collect())
        });
        Ok(versions.map(|version| version.map(Version::from)))
    }
}
