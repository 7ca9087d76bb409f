//! Lists of objects whose fields are at hand, written as JSON without a future a field.
//!
//! A page of fifty versions with their maps has three thousand leaves. Resolved one by one, each is an allocation and
//! a turn of the executor, and all of them are built into a tree before they are written; together they cost more
//! than the database does. So a list whose selection asks for nothing but what is there goes into the answer as
//! finished JSON ([`Value::Binary`], which `http::answer` writes as it is).
//!
//! What takes work, or has arguments that are not heeded here, makes the whole list go the usual way: the answer is
//! the same.

mod json;
mod selection;

use std::borrow::Cow;

use async_graphql::{
    ContextSelectionSet, OutputType, Positioned, ServerResult, Value, parser::types::Field, registry::Registry,
    resolver_utils::resolve_list,
};

pub(crate) use self::{json::Json, selection::Wanted};
use super::context::RequestContext;

/// An object most of whose fields are at hand.
pub trait Plain: OutputType {
    /// What it is made of.
    type Record;

    fn record(&self) -> &Self::Record;

    /// Writes the field's value; `None` where it takes work. Writes exactly what the field's resolver answers.
    fn write(record: &Self::Record, field: &Wanted<'_>, out: &mut Json<'_>) -> Option<()>;

    /// Whether [`write`](Plain::write) heeds the arguments of the field of this name.
    #[must_use]
    fn heeds_arguments(_name: &str) -> bool {
        false
    }
}

impl<T: Plain> Plain for &T {
    type Record = T::Record;

    fn record(&self) -> &T::Record {
        (*self).record()
    }

    fn write(record: &T::Record, field: &Wanted<'_>, out: &mut Json<'_>) -> Option<()> {
        T::write(record, field, out)
    }

    fn heeds_arguments(name: &str) -> bool {
        T::heeds_arguments(name)
    }
}

/// A list of such objects.
#[derive(Debug)]
pub struct PlainList<T>(pub(crate) Vec<T>);

impl<T> PlainList<T> {
    pub(crate) fn of<S>(items: impl IntoIterator<Item = S>, object: impl FnMut(S) -> T) -> Self {
        Self(items.into_iter().map(object).collect())
    }
}

impl<T: Plain> PlainList<T> {
    fn at_hand(&self, ctx: &ContextSelectionSet<'_>) -> Option<Value> {
        let request: &RequestContext = ctx.data_opt().filter(|request: &&RequestContext| request.takes_json)?;
        let fields = selection::wanted(ctx)?;
        let mut out = Json::new(&request.loaders);
        out.list::<T>(self.0.iter().map(Plain::record), &fields)?;
        Some(Value::Binary(out.finish().into()))
    }
}

#[async_trait::async_trait]
impl<T: Plain + Send + Sync> OutputType for PlainList<T> {
    fn type_name() -> Cow<'static, str> {
        Vec::<T>::type_name()
    }

    fn qualified_type_name() -> String {
        Vec::<T>::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        Vec::<T>::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        match self.at_hand(ctx) {
            Some(value) => Ok(value),
            None => resolve_list(ctx, field, &self.0, Some(self.0.len())).await,
        }
    }
}
