//! JSON, written as it comes.

use async_graphql::{InputType, Value};
use nunatak_domain::Timestamp;
use serde::Serialize;

use super::{
    super::loaders::{BatchKey, Loaders},
    Plain, Wanted,
};

/// The text so far, and what was loaded beforehand.
#[derive(Debug)]
pub struct Json<'a> {
    text: Vec<u8>,
    known: &'a Loaders,
}

impl<'a> Json<'a> {
    pub(super) fn new(known: &'a Loaders) -> Self {
        Self { text: Vec::with_capacity(256), known }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.text
    }

    /// Anything that serde can write.
    pub(crate) fn any<T: Serialize + ?Sized>(&mut self, value: &T) -> Option<()> {
        serde_json::to_writer(&mut self.text, value).ok()
    }

    pub(crate) fn null(&mut self) -> Option<()> {
        self.text.extend_from_slice(b"null");
        Some(())
    }

    /// A public id: letters, digits and `_`.
    pub(crate) fn id(&mut self, id: &impl std::fmt::Display) -> Option<()> {
        use std::io::Write;
        write!(self.text, "\"{id}\"").ok()
    }

    /// A float; null for those that JSON has no word for.
    pub(crate) fn float(&mut self, value: f64) -> Option<()> {
        if value.is_finite() { self.any(&value) } else { self.null() }
    }

    pub(crate) fn time(&mut self, time: Timestamp) -> Option<()> {
        self.any(&time.to_utc().to_rfc3339())
    }

    /// A variant of a GraphQL enum.
    pub(crate) fn variant(&mut self, value: &impl InputType) -> Option<()> {
        self.any::<Value>(&value.to_value())
    }

    pub(crate) fn object<T: Plain>(&mut self, record: &T::Record, fields: &[Wanted<'_>]) -> Option<()> {
        self.text.push(b'{');
        for (place, field) in fields.iter().enumerate() {
            if place > 0 {
                self.text.push(b',');
            }
            self.text.extend_from_slice(&field.prefix);
            if field.name == "__typename" {
                self.any(&*T::type_name())?;
            } else if field.arguments.is_empty() || T::heeds_arguments(field.name) {
                T::write(record, field, self)?;
            } else {
                return None;
            }
        }
        self.text.push(b'}');
        Some(())
    }

    pub(crate) fn list<'r, T: Plain>(
        &mut self,
        records: impl Iterator<Item = &'r T::Record>,
        fields: &[Wanted<'_>],
    ) -> Option<()>
    where
        T::Record: 'r,
    {
        self.text.push(b'[');
        for (place, record) in records.enumerate() {
            if place > 0 {
                self.text.push(b',');
            }
            self.object::<T>(record, fields)?;
        }
        self.text.push(b']');
        Some(())
    }

    /// An object that was loaded under `key`, or null where nothing is there.
    pub(crate) fn child<T: Plain>(&mut self, key: &impl BatchKey<Value = T::Record>, field: &Wanted<'_>) -> Option<()> {
        match self.known.peek(key)? {
            Some(record) => self.object::<T>(&record, &field.fields),
            None => self.null(),
        }
    }

    /// The objects that were loaded under `key`.
    pub(crate) fn children<T: Plain>(
        &mut self,
        key: &impl BatchKey<Value = Vec<T::Record>>,
        field: &Wanted<'_>,
    ) -> Option<()> {
        let records = self.known.peek(key)?.unwrap_or_default();
        self.list::<T>(records.iter(), &field.fields)
    }
}
