//! Values of hyperparameters and parameters, and the floats that JSON cannot say.

use serde_json::{Number, Value};

use crate::Problem;

/// A hyperparameter's or parameter's value, typed so that filters need no JSON.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    Number(f64),
    String(String),
    Boolean(bool),
    /// An array or object (or null), kept as it came; filters see only that it exists.
    Json(Value),
}

/// Strings and JSON above this would make every row that joins them slow; files belong in artefacts.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;

impl Scalar {
    /// # Errors
    /// `VALUE_TOO_LARGE` above 64 KiB, `OUT_OF_RANGE` for a whole number that a float does not hold exactly.
    pub fn from_json(value: Value) -> Result<Self, Problem> {
        let scalar = match value {
            Value::Number(number) => Self::Number(exact(&number)?),
            Value::String(text) => Self::String(text),
            Value::Bool(value) => Self::Boolean(value),
            other => Self::Json(other),
        };
        let size = match &scalar {
            Self::String(text) => text.len(),
            Self::Json(value) => value.to_string().len(),
            Self::Number(_) | Self::Boolean(_) => 0,
        };
        if size > MAX_VALUE_BYTES {
            return Err(Problem::new("VALUE_TOO_LARGE", "a value may have at most 65536 bytes; upload it as a file"));
        }
        Ok(scalar)
    }

    /// The JSON form; whole numbers come back without a fraction, as they were most likely written.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Number(number) if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 =>
            {
                #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53 by the guard")]
                Value::Number((*number as i64).into())
            }
            Self::Number(number) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
            Self::String(text) => Value::String(text.clone()),
            Self::Boolean(value) => Value::Bool(*value),
            Self::Json(value) => value.clone(),
        }
    }
}

/// The number as a float, if nothing of it is lost: filters compare floats, and what was logged comes back as it was.
fn exact(number: &Number) -> Result<f64, Problem> {
    let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    let float = number.as_f64().filter(|float| float.is_finite());
    #[expect(clippy::cast_possible_truncation, reason = "within 64 bits, or unequal and refused")]
    let kept = float.filter(|float| whole.is_none_or(|whole| *float as i128 == whole));
    kept.ok_or_else(|| {
        let message = format!("{number} is beyond what a 64-bit float holds exactly; send it as a string");
        Problem::new("OUT_OF_RANGE", message)
    })
}

/// A float that JSON has no word for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Special {
    Nan,
    PosInf,
    NegInf,
}

impl Special {
    #[must_use]
    pub fn of(value: f64) -> Option<Self> {
        match value {
            _ if value.is_nan() => Some(Self::Nan),
            f64::INFINITY => Some(Self::PosInf),
            f64::NEG_INFINITY => Some(Self::NegInf),
            _ => None,
        }
    }

    #[must_use]
    pub const fn value(self) -> f64 {
        match self {
            Self::Nan => f64::NAN,
            Self::PosInf => f64::INFINITY,
            Self::NegInf => f64::NEG_INFINITY,
        }
    }
}
