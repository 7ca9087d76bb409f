//! What can be wrong with a file.

use std::io;

use nunatak_domain::Problem;

/// Why a file did not become a table.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file or what was said of it is at fault: what to change.
    #[error("the file cannot be read as a table")]
    Invalid(Vec<Problem>),
    /// The disk is at fault.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<Problem> for TableError {
    fn from(problem: Problem) -> Self {
        Self::Invalid(vec![problem])
    }
}

impl From<::parquet::errors::ParquetError> for TableError {
    fn from(error: ::parquet::errors::ParquetError) -> Self {
        match error {
            ::parquet::errors::ParquetError::External(source) => match source.downcast::<io::Error>() {
                Ok(error) => Self::Io(*error),
                Err(source) => unreadable("Parquet", &source.to_string()),
            },
            error => unreadable("Parquet", &error.to_string()),
        }
    }
}

pub(crate) type Result<T> = std::result::Result<T, TableError>;

/// A problem with the file itself.
pub(crate) fn problem(code: &'static str, message: impl Into<String>) -> TableError {
    Problem::new(code, message).at("upload").into()
}

/// The bytes are not what the format says.
pub(crate) fn unreadable(format: &str, what: &str) -> TableError {
    let message = format!("the file cannot be read as {format}: {}; write it anew", excerpt_of(what, 200));
    problem("UNREADABLE_FILE", message)
}

/// As much of a text as a message may have: a cell can be megabytes long.
pub(crate) fn excerpt(text: &str) -> String {
    excerpt_of(text, 40)
}

fn excerpt_of(text: &str, chars: usize) -> String {
    let mut shown: String = text.chars().take(chars).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
