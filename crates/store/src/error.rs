use nunatak_authz::Denied;
use nunatak_domain::Problem;
use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};

/// Why a read or write did not happen, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Absent, or not for this actor's eyes: the two look the same.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// The input, or the state that it meets, does not allow it; each problem says what to change.
    #[error("{}", .0.iter().map(|p| p.message.as_str()).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<Problem>),
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error("the database failed")]
    Database(#[source] DbErr),
    #[error("the file store failed")]
    Files(#[from] std::io::Error),
    /// What is stored does not make sense to this program.
    #[error("stored data are not as expected: {0}")]
    Corrupt(String),
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        Self::Database(error)
    }
}

impl From<Problem> for StoreError {
    fn from(problem: Problem) -> Self {
        Self::Invalid(vec![problem])
    }
}

impl StoreError {
    /// Turns the breach of a uniqueness rule into `TAKEN` at `field`; leaves other errors as they are.
    #[must_use]
    pub(crate) fn taken(error: DbErr, what: &str, field: &str) -> Self {
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => {
                Problem::new("TAKEN", format!("{what} exists already; choose another name")).at(field).into()
            }
            _ => Self::Database(error),
        }
    }

    /// PostgreSQL ended the transaction because of another one: a deadlock (40P01) or a failure to put both in an
    /// order (40001). The same again may go through.
    #[must_use]
    pub(crate) fn is_collision(&self) -> bool {
        let Self::Database(DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
            self
        else {
            return false;
        };
        let code = error.as_database_error().and_then(|error| error.code());
        matches!(code.as_deref(), Some("40P01" | "40001"))
    }

    /// The database cannot be reached, or its connection was cut: what was asked may be asked again a little later. Whether
    /// it happened is unknown.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        let Self::Database(error) = self else { return false };
        let error = match error {
            DbErr::Conn(_) | DbErr::ConnectionAcquire(_) => return true,
            DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => error,
            _ => return false,
        };
        // Class 57P: PostgreSQL is going down, coming up or ended the connection; class 08: the connection broke.
        let code = error.as_database_error().and_then(|error| error.code());
        let ended = code.is_some_and(|code| code.starts_with("57P") || code.starts_with("08"));
        ended || matches!(**error, sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed)
    }

    /// The disk of the files takes no more: it, or what this server may write on it, is full.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        matches!(self, Self::Files(error) if matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge))
    }

    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Invalid(problems) => problems,
            _ => &[],
        }
    }
}
