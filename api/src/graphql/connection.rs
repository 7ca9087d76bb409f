//! Relay connections out of the store's pages, and what they cost.

use async_graphql::{
    OutputType,
    connection::{Connection, Edge},
};
use nunatak_domain::{Page, PageRequest};
use nunatak_store::StoreError;

/// `first/after/last/before` as a checked request.
pub(crate) fn page_request(
    first: Option<i32>,
    after: Option<String>,
    last: Option<i32>,
    before: Option<String>,
) -> Result<PageRequest, StoreError> {
    Ok(PageRequest::parse(first, after, last, before)?)
}

pub(crate) fn connection<T, N: OutputType>(page: Page<T>, node: impl Fn(T) -> N) -> Connection<String, N> {
    let mut connection = Connection::new(page.has_previous, page.has_next);
    connection.edges.extend(page.items.into_iter().map(|(cursor, item)| Edge::new(cursor, node(item))));
    connection
}

/// The cost of a connection: one for itself and its children's for each item of the page.
pub(crate) fn page_cost(first: Option<i32>, last: Option<i32>, child: usize) -> usize {
    let size = first.or(last).and_then(|size| usize::try_from(size).ok());
    size.unwrap_or(PageRequest::DEFAULT as usize).min(PageRequest::MAX.unsigned_abs() as usize) * child + 1
}
