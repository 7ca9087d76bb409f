//! What a test says of a value in memory.

use super::{IntTest, NumberTest, StringTest, TimeTest, ValueTest};
use crate::{Scalar, Timestamp};

impl StringTest {
    /// Whether one of the values passes; with `exists: false`, whether there is none.
    pub fn passes<T: AsRef<str>>(&self, values: impl IntoIterator<Item = T>) -> bool {
        let mut values = values.into_iter();
        match self.exists {
            Some(false) => values.next().is_none() && Self { exists: None, ..self.clone() } == Self::default(),
            _ => values.any(|value| self.passes_one(value.as_ref())),
        }
    }

    fn passes_one(&self, value: &str) -> bool {
        let low = || value.to_ascii_lowercase();
        self.eq.as_ref().is_none_or(|wanted| value == wanted)
            && self.ne.as_ref().is_none_or(|wanted| value != wanted)
            && self.any_of.as_ref().is_none_or(|any| any.iter().any(|wanted| wanted == value))
            && self.contains.as_ref().is_none_or(|part| low().contains(&part.to_ascii_lowercase()))
            && self.starts_with.as_ref().is_none_or(|part| low().starts_with(&part.to_ascii_lowercase()))
    }
}

impl NumberTest {
    /// Whether the value passes; `None` is one that is not there, NaN one that is.
    #[must_use]
    pub fn passes(&self, value: Option<f64>) -> bool {
        if self.exists == Some(false) {
            return value.is_none() && Self { exists: None, ..self.clone() } == Self::default();
        }
        let Some(value) = value else { return false };
        self.eq.is_none_or(|wanted| value == wanted)
            && self.ne.is_none_or(|wanted| !value.is_nan() && value != wanted)
            && self.lt.is_none_or(|wanted| value < wanted)
            && self.lte.is_none_or(|wanted| value <= wanted)
            && self.gt.is_none_or(|wanted| value > wanted)
            && self.gte.is_none_or(|wanted| value >= wanted)
            && self.any_of.as_ref().is_none_or(|any| any.contains(&value))
            && self.finite.is_none_or(|finite| value.is_finite() == finite)
    }
}

impl IntTest {
    #[must_use]
    pub fn passes(&self, value: i64) -> bool {
        self.eq.is_none_or(|wanted| value == wanted)
            && self.ne.is_none_or(|wanted| value != wanted)
            && self.lt.is_none_or(|wanted| value < wanted)
            && self.lte.is_none_or(|wanted| value <= wanted)
            && self.gt.is_none_or(|wanted| value > wanted)
            && self.gte.is_none_or(|wanted| value >= wanted)
            && self.any_of.as_ref().is_none_or(|any| any.contains(&value))
    }
}

impl TimeTest {
    #[must_use]
    pub fn passes(&self, value: Timestamp) -> bool {
        self.eq.is_none_or(|wanted| value == wanted)
            && self.lt.is_none_or(|wanted| value < wanted)
            && self.lte.is_none_or(|wanted| value <= wanted)
            && self.gt.is_none_or(|wanted| value > wanted)
            && self.gte.is_none_or(|wanted| value >= wanted)
    }
}

impl ValueTest {
    /// Whether the value passes; `None` is one that is not there.
    #[must_use]
    pub fn passes(&self, value: Option<&Scalar>) -> bool {
        match (self, value) {
            (Self::Exists(exists), value) => value.is_some() == *exists,
            (Self::Boolean(wanted), Some(Scalar::Boolean(value))) => value == wanted,
            (Self::Boolean(_), _) => false,
            (Self::Number(test), Some(Scalar::Number(value))) => test.passes(Some(*value)),
            (Self::Number(test), _) => test.passes(None),
            (Self::String(test), Some(Scalar::String(value))) => test.passes([value]),
            (Self::String(test), _) => test.passes([""; 0]),
        }
    }
}
