//! Facets of a filter and summaries of projects: what there is to choose from.

mod keys;
mod lists;
mod loaders;
mod query;
mod summary;
mod types;

pub use query::FacetQuery;
pub(crate) use summary::ProjectSummary;

use nunatak_domain::Problem;

use super::error::ApiError;

/// The argument `first` of a list that is not a connection.
fn first_of(first: i32, max: i32) -> Result<u32, ApiError> {
    match u32::try_from(first) {
        Ok(size) if (1..=max).contains(&first) => Ok(size),
        _ => {
            let message = format!("`first` is {first}; this list has 1 to {max} entries");
            Err(nunatak_store::StoreError::from(Problem::new("LIMIT_EXCEEDED", message).at("first")).into())
        }
    }
}

/// What a list of `first` entries costs: its children for each.
fn list_cost(first: i32, max: i32, child: usize) -> usize {
    usize::try_from(first.clamp(0, max)).unwrap_or(0) * child
}
