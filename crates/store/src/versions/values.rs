//! Typed values of hyperparameters and parameters in rows.
//!
//! `kind` tells the type; a number is in `number`, a string in `text` with its beginning in `text_head`,
//! anything else as JSON in `text`. So `number` and `text_head` are set for one type only, and an index on
//! them finds no value of another type.

use nunatak_domain::{Key, Problem, Scalar};
use sea_orm::Value;

use super::{Of, sql::plain_text};
use crate::rows::Rows;

/// PostgreSQL refuses index entries above 2.7 kB: only this many characters of a string are indexed.
pub(crate) const HEAD_CHARS: usize = 200;

pub(crate) const NUMBER: i16 = 0;
pub(crate) const STRING: i16 = 1;
pub(crate) const BOOLEAN: i16 = 2;
pub(crate) const JSON: i16 = 3;

/// The indexed beginning of a string.
pub(crate) fn head(text: &str) -> &str {
    text.char_indices().nth(HEAD_CHARS).map_or(text, |(end, _)| &text[..end])
}

/// Refuses what no database can keep, naming `field` and the key.
pub(super) fn check(values: &[(Key, Scalar)], field: &str) -> Result<(), Problem> {
    for (key, value) in values {
        match value {
            Scalar::String(text) => plain_text(text, key.as_str()).map_err(|problem| problem.at(field))?,
            // The column of numbers is NULL for other types: a NaN, which is kept as NULL, would be of none.
            Scalar::Number(number) if number.is_nan() => {
                let problem = Problem::new("INVALID_INPUT", "NaN is no value; leave the key out");
                return Err(problem.at(key.as_str()).at(field));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Rows of `table`: `hyperparameters` or `parameters`.
pub(super) fn rows(table: &'static str) -> Rows {
    Rows::into(table, "version_row, key_id, project_row, kind, number, text, text_head, audience")
}

/// Adds the values of one version.
pub(super) fn push(rows: &mut Rows, of: Of, values: &[(Key, Scalar)], key_ids: &[i64]) {
    for ((_, value), key_id) in values.iter().zip(key_ids) {
        let (kind, number, text, text_head) = columns(value);
        rows.push([
            of.row.into(),
            (*key_id).into(),
            of.project_row.into(),
            kind.into(),
            Value::Double(number),
            Value::String(text),
            Value::String(text_head),
            of.audience.into(),
        ]);
    }
}

fn columns(value: &Scalar) -> (i16, Option<f64>, Option<String>, Option<String>) {
    match value {
        Scalar::Number(number) => (NUMBER, Some(*number), None, None),
        Scalar::String(text) => (STRING, None, Some(text.clone()), Some(head(text).to_owned())),
        Scalar::Boolean(value) => (BOOLEAN, None, Some(value.to_string()), None),
        Scalar::Json(value) => (JSON, None, Some(value.to_string()), None),
    }
}

/// The value that a row keeps.
pub(crate) fn scalar(kind: i16, number: Option<f64>, text: Option<String>) -> Scalar {
    let text = text.unwrap_or_default();
    match kind {
        NUMBER => Scalar::Number(number.unwrap_or(f64::NAN)),
        STRING => Scalar::String(text),
        BOOLEAN => Scalar::Boolean(text == "true"),
        _ => Scalar::Json(serde_json::from_str(&text).unwrap_or(serde_json::Value::Null)),
    }
}
