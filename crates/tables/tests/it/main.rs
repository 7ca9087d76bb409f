//! Files in, Parquet and profiles out.

mod formats;
mod hostile;
mod kit;
mod long;
