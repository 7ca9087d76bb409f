//! Who uses Nunatak: users, their sessions, and the tokens of their programs.

mod secret;
mod sessions;
mod tokens;
mod users;

pub use sessions::Session;
pub use tokens::{ApiTokenRecord, NewApiToken};
pub use users::{NewUser, UserRecord};
