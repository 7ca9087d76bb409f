//! Metrics: their points, and per version and key the last, smallest, largest and best of them.
//!
//! NaN is NULL in the database (SQLite keeps no NaN, and NULL sorts last as it should); infinities are kept.

mod aggregate;
mod log;
mod read;
mod thin;

pub(crate) use read::declared_direction;
pub use read::{MAX_POINTS_SHOWN, MetricRecord, PointRecord};

pub use aggregate::MAX_POINTS;
pub(crate) use aggregate::{Grouped, direction, first_point_rows, first_rows, push_first};
