//! Where a page ends: the values that the list is ordered by, and the row number that breaks ties.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use nunatak_domain::filter::{Sort, VersionFilter, VersionOrder};
use sea_orm::{DbErr, QueryResult, Value};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    order::{Column, Kind, Segment},
    sql::Binds,
};
use crate::{StoreError, paging::invalid_cursor};

/// A place in a list. `None` stands for NULL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cursor {
    /// Of the filter and the order: another list's cursor is refused.
    h: String,
    /// The segment.
    s: usize,
    v: Vec<Option<Datum>>,
    r: i64,
}

/// One value. Floats travel as their bits: JSON knows no infinity, and every digit counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Datum {
    I(i64),
    F(u64),
    T(String),
}

impl Datum {
    fn into_value(self) -> Value {
        match self {
            Self::I(value) => value.into(),
            Self::F(bits) => f64::from_bits(bits).into(),
            Self::T(value) => value.into(),
        }
    }

    fn is_of(&self, kind: Kind) -> bool {
        match self {
            Self::I(_) => kind == Kind::Int,
            Self::F(bits) => kind == Kind::Float && !f64::from_bits(*bits).is_nan(),
            Self::T(text) => kind == Kind::Text && !text.contains('\0'),
        }
    }
}

/// What tells one list from another.
pub(super) fn hash_of(filter: &VersionFilter, orders: &[VersionOrder]) -> String {
    let digest = Sha256::digest(format!("versions {filter:?} {orders:?}"));
    hex::encode(&digest[..12])
}

impl Cursor {
    /// The place of a row that has `seg`, `c0`, `c1`… and `row_id`.
    pub(super) fn of(row: &QueryResult, columns: &[Column], hash: &str) -> Result<Self, DbErr> {
        let value = |(place, column): (usize, &Column)| {
            let name = format!("c{place}");
            Ok::<_, DbErr>(match column.kind {
                Kind::Int => row.try_get::<Option<i64>>("", &name)?.map(Datum::I),
                Kind::Float => row.try_get::<Option<f64>>("", &name)?.map(|value| Datum::F(value.to_bits())),
                Kind::Text => row.try_get::<Option<String>>("", &name)?.map(Datum::T),
            })
        };
        let segment: i64 = row.try_get("", "seg")?;
        Ok(Self {
            h: hash.to_owned(),
            s: usize::try_from(segment).unwrap_or_default(),
            v: columns.iter().enumerate().map(value).collect::<Result<_, _>>()?,
            r: row.try_get("", "row_id")?,
        })
    }

    pub(super) fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_string(self).unwrap_or_default())
    }

    /// # Errors
    /// `INVALID_CURSOR` for anything that this list did not make.
    pub(super) fn decode(text: &str, hash: &str, segments: &[Segment]) -> Result<Self, StoreError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid_cursor())?;
        let cursor: Self = serde_json::from_slice(&bytes).map_err(|_| invalid_cursor())?;
        let segment = segments.get(cursor.s).ok_or_else(invalid_cursor)?;
        let fits = |(value, column): (&Option<Datum>, &Column)| match value {
            None => column.nullable,
            Some(value) => value.is_of(column.kind),
        };
        let good = cursor.h == hash
            && cursor.v.len() == segment.columns.len()
            && cursor.v.iter().zip(&segment.columns).all(fits);
        if good { Ok(cursor) } else { Err(invalid_cursor()) }
    }

    pub(super) const fn segment(&self) -> usize {
        self.s
    }

    /// Holds for the rows of the cursor's segment that come after it (before it, when `backwards`).
    pub(super) fn beyond(self, segment: &Segment, backwards: bool, binds: &mut Binds) -> String {
        let row = binds.bind(self.r);
        let mut condition = format!("{} {} {row}", segment.row, if backwards { ">" } else { "<" });
        let mut bound = None;
        let sorted = segment.columns.iter().zip(self.v).filter(|(column, _)| !column.constant);
        for (column, value) in sorted.collect::<Vec<_>>().into_iter().rev() {
            let name = &column.expression;
            let up = (column.sort == Sort::Asc) != backwards;
            bound = None;
            condition = match value {
                None if backwards => format!("({name} IS NOT NULL OR {condition})"),
                None => format!("({name} IS NULL AND {condition})"),
                Some(value) => {
                    let value = binds.bind(value.into_value());
                    let operator = if up { ">" } else { "<" };
                    let nulls = column.nullable && !backwards;
                    if !nulls {
                        bound = Some(format!("{name} {operator}= {value}"));
                    }
                    let nulls = if nulls { format!("{name} IS NULL OR ") } else { String::new() };
                    format!("({nulls}{name} {operator} {value} OR ({name} = {value} AND {condition}))")
                }
            };
        }
        // Says nothing new, but in a form from which an index walk can start.
        bound.map_or(condition.clone(), |bound| format!("{bound} AND {condition}"))
    }
}
