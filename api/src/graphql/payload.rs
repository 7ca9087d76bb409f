//! What a mutation answers: the thing, or what is wrong with the input.

use async_graphql::SimpleObject;
use nunatak_domain::Problem;

/// Something in a mutation's input that does not go, as data: correct it and send again.
#[derive(SimpleObject, Debug, Clone)]
pub struct UserError {
    /// Stable and upper case, `TAKEN`, `INVALID_NAME`, `OUT_OF_RANGE`…
    pub code: String,
    /// A sentence that says what to do.
    pub message: String,
    /// Where in `input` it is, outermost first; empty when it is about the whole.
    pub path: Vec<String>,
}

impl From<&Problem> for UserError {
    fn from(problem: &Problem) -> Self {
        Self { code: problem.code.to_owned(), message: problem.message.clone(), path: problem.path.clone() }
    }
}

/// Defines a payload object `{ field, userErrors }` with `of(result)`: problems become `userErrors`,
/// other failures stay faults.
macro_rules! payload {
    ($(#[$doc:meta])* $name:ident { $(#[$field_doc:meta])* $field:ident: $type:ty }) => {
        $(#[$doc])*
        #[derive(async_graphql::SimpleObject, Debug)]
        pub struct $name {
            $(#[$field_doc])*
            pub $field: Option<$type>,
            /// What is wrong with the input; empty when all went well.
            pub user_errors: Vec<$crate::graphql::payload::UserError>,
        }

        impl $name {
            pub(crate) fn of(
                result: Result<$type, nunatak_store::StoreError>,
            ) -> Result<Self, $crate::graphql::error::ApiError> {
                match result {
                    Ok(value) => Ok(Self { $field: Some(value), user_errors: Vec::new() }),
                    Err(nunatak_store::StoreError::Invalid(problems)) => {
                        Ok(Self { $field: None, user_errors: problems.iter().map(Into::into).collect() })
                    }
                    Err(error) => Err(error.into()),
                }
            }
        }
    };
}
pub(crate) use payload;
