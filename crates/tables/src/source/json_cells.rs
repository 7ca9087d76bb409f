//! The keys and cells of one record.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};

use super::{cells::CellOf, records::Records};
use crate::{
    Cell,
    error::{Result, excerpt, problem},
};

/// Calls `take` with each key of the record, counted from 0, and its value.
pub(super) fn read_record(records: &Records, take: impl FnMut(usize, &str, Cell<'_>)) -> Result<()> {
    let mut json = serde_json::Deserializer::from_slice(&records.text);
    json.deserialize_map(Cells(take)).and_then(|()| json.end()).map_err(|error| {
        let what = error.to_string();
        let hint = if what.contains("expected value") { "; write null where there is no number, not NaN" } else { "" };
        let message = format!("record {} (line {}): {}{hint}", records.number, records.line, excerpt_error(&what));
        problem(if what.contains("invalid type") { "UNSUPPORTED_TYPE" } else { "UNREADABLE_FILE" }, message)
    })
}

fn excerpt_error(text: &str) -> String {
    text.chars().take(120).collect()
}

struct Cells<F>(F);

impl<'de, F: FnMut(usize, &str, Cell<'_>)> Visitor<'de> for Cells<F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a record of names and values")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> std::result::Result<(), A::Error> {
        let mut key = String::new();
        let mut nth = 0;
        while map.next_key_seed(KeyInto(&mut key))?.is_some() {
            map.next_value_seed(CellOf(|cell: Cell<'_>| (self.0)(nth, &key, cell)))
                .map_err(|error| A::Error::custom(format!("`{}`: {error}", excerpt(&key))))?;
            nth += 1;
        }
        Ok(())
    }
}

/// A key into memory that is used again.
pub(super) struct KeyInto<'a>(pub(super) &'a mut String);

impl<'de> DeserializeSeed<'de> for KeyInto<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyInto<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_str<E: Error>(self, key: &str) -> std::result::Result<(), E> {
        self.0.clear();
        self.0.push_str(key);
        Ok(())
    }
}
