//! What tests stand on: a fresh database each ([`TestDb`]: SQLite, or PostgreSQL when `NUNATAK_TEST_DATABASE`
//! names one), a whole server in the process ([`TestApp`]) and a clock that only tests turn.
//!
//! ```no_run
//! # async fn story() {
//! let (app, user) = nunatak_test_support::TestApp::with_user().await;
//! let answer = app.gql(Some(&user.token), "{ viewer { user { login } } }").await;
//! assert_eq!(answer["data"]["viewer"]["user"]["login"], "ada");
//! # }
//! ```

mod app;
mod db;

pub use app::{TestApp, TestUser};
pub use db::TestDb;
