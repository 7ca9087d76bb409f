//! Files over HTTP: uploads in, downloads out.

use poem::Route;

/// Adds the file routes.
pub(crate) fn routes(routes: Route) -> Route {
    routes
}
