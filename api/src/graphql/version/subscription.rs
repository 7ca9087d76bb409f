use async_graphql::{Context, Error, ID, Subscription};
use futures_util::{Stream, StreamExt};
use nunatak_domain::{PageRequest, VersionId, filter::VersionFilter};
use nunatak_store::Event;

use super::{
    super::{context::parse_id, error::ApiError, live::follow},
    Version, VersionFilterInput,
};

#[derive(Default, Debug)]
pub struct VersionSubscription;

#[Subscription]
impl VersionSubscription {
    /// Each version that is registered from now on and passes the filter. After a burst too large to follow, the
    /// newest 100 are sent again. Ends when the token does.
    async fn version_registered(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones; all that you may see unless said.", default)] filter: VersionFilterInput,
    ) -> Result<impl Stream<Item = Result<Version, Error>> + use<>, ApiError> {
        let filter = filter.parse()?;
        filter.check_limits().map_err(nunatak_store::StoreError::from)?;
        let wanted = |event| match event {
            Event::VersionRegistered { version, .. } => Some(version),
            _ => None,
        };
        let versions = follow(ctx, false, wanted, move |store, actor, changed: Option<Vec<VersionId>>| {
            let asked = filter.clone();
            async move {
                let asked = match changed {
                    Some(ids) => VersionFilter::And(vec![VersionFilter::Id(ids), asked]),
                    None => asked,
                };
                let newest = PageRequest::first(PageRequest::MAX.unsigned_abs());
                let page = store.versions(&actor, &asked, &[], &newest).await?;
                Ok(page.items.into_iter().rev().map(|(_, version)| version).collect())
            }
        });
        Ok(versions.map(|version| version.map(Version::from)))
    }

    /// A version at once, and again whenever metrics were logged on it: select its `metrics`. Logging in quick
    /// succession may come as one. Ends when the token does.
    async fn metric_logged(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "`ver_…`")] version: ID,
    ) -> Result<impl Stream<Item = Result<Version, Error>> + use<>, ApiError> {
        let id: VersionId = parse_id(&version, "version")?;
        let wanted = move |event| match event {
            Event::MetricLogged { version, .. } => (version == id).then_some(version),
            _ => None,
        };
        let versions = follow(ctx, true, wanted, move |store, actor, _: Option<Vec<VersionId>>| async move {
            Ok(store.versions_by_ids(&actor, &[id]).await?.into_values().collect())
        });
        Ok(versions.map(|version| version.map(Version::from)))
    }
}
