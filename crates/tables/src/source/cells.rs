//! What a value of JSON is as a cell.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, Visitor};

use crate::Cell;

/// Hands a value on as a cell; what nests is refused.
pub(super) struct CellOf<F>(pub(super) F);

impl<'de, F: FnOnce(Cell<'_>)> DeserializeSeed<'de> for CellOf<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: FnOnce(Cell<'_>)> Visitor<'de> for CellOf<F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number, a string, true, false or null")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        (self.0)(Cell::Number(f64::from(u8::from(value))));
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "a measurement above 2^53 loses what no instrument resolves")]
    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        (self.0)(Cell::Number(value as f64));
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "a measurement above 2^53 loses what no instrument resolves")]
    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        (self.0)(Cell::Number(value as f64));
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        (self.0)(Cell::Number(value));
        Ok(())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        (self.0)(Cell::Text(value));
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        (self.0)(Cell::Missing);
        Ok(())
    }
}
