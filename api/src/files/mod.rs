//! Files over HTTP: uploads in (`PUT`), downloads out (`GET`, `HEAD`, with `Range` and `ETag`).
//!
//! Who may have which file is the store's to say. Errors are `{"error": {code, message, requestId}}` with the
//! codes of the GraphQL API. To add a download: a handler in `download.rs` and its route here.

mod download;
mod error;
mod range;
mod upload;

use poem::{Route, get, put};

/// Adds the file routes.
pub(crate) fn routes(routes: Route) -> Route {
    routes
        .at("/uploads/:id", put(upload::receive))
        .at("/models/:id/artifact", get(download::artifact).head(download::artifact))
        .at("/datasets/:id/data", get(download::dataset).head(download::dataset))
        .at("/datasets/:id/source", get(download::dataset_source).head(download::dataset_source))
        .at("/predictions/:id/scores", get(download::scores).head(download::scores))
        .at("/predictions/:id/scores.csv", get(download::scores_csv).head(download::scores_csv))
}
