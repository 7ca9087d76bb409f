//! Scalars that GraphQL lacks, and enums of the domain.

use async_graphql::{Enum, InputValueError, InputValueResult, Scalar, ScalarType, Value};
use nunatak_domain::Special;

/// A whole number of up to 64 bits (sizes, row counts, steps), as a JSON number; text is taken, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Int64(pub i64);

/// A whole number of up to 64 bits (sizes, row counts, steps), as a JSON number; text is taken, too.
#[Scalar]
impl ScalarType for Int64 {
    fn parse(value: Value) -> InputValueResult<Self> {
        let parsed = match &value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        parsed.map(Self).ok_or_else(|| InputValueError::custom("expected a whole number of up to 64 bits"))
    }

    fn to_value(&self) -> Value {
        Value::from(self.0)
    }
}

/// A SHA-256 checksum: 64 hexadecimal digits in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sha256(pub String);

/// A SHA-256 checksum: 64 hexadecimal digits in lower case.
#[Scalar]
impl ScalarType for Sha256 {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                Ok(Self(text.to_ascii_lowercase()))
            }
            _ => Err(InputValueError::custom("expected 64 hexadecimal digits")),
        }
    }

    fn to_value(&self) -> Value {
        Value::from(self.0.clone())
    }
}

/// A float that JSON has no word for: beside it the plain field is null.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonFinite {
    /// Not a number.
    Nan,
    /// Positive infinity.
    PosInf,
    /// Negative infinity.
    NegInf,
}

impl From<Special> for NonFinite {
    fn from(special: Special) -> Self {
        match special {
            Special::Nan => Self::Nan,
            Special::PosInf => Self::PosInf,
            Special::NegInf => Self::NegInf,
        }
    }
}

impl From<NonFinite> for Special {
    fn from(special: NonFinite) -> Self {
        match special {
            NonFinite::Nan => Self::Nan,
            NonFinite::PosInf => Self::PosInf,
            NonFinite::NegInf => Self::NegInf,
        }
    }
}

/// What a member may do; each role includes the ones before it.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "nunatak_domain::Role")]
pub enum Role {
    /// Sees the project, its models and public versions.
    Guest,
    /// Reads datasets, jobs, predictions and files as well.
    Reporter,
    /// Logs versions, uploads data, trains and predicts.
    Developer,
    /// Promotes, deletes, reads private versions and the audit log, runs jobs with runners.
    Maintainer,
    /// Manages members, projects and the workspace itself.
    Owner,
}
