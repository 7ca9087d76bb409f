//! Lists of small objects whose fields are at hand, answered without a future a field.
//!
//! A page of fifty versions with their maps has three thousand leaves. Resolved one by one, each is an
//! allocation and a turn of the executor, and together they cost more than the database does.

use std::borrow::Cow;

use async_graphql::{
    ContextSelectionSet, Name, OutputType, Positioned, ServerResult, Value,
    indexmap::IndexMap,
    parser::types::{Field, Selection, SelectionSet},
    registry::Registry,
    resolver_utils::resolve_list,
};

/// An object most of whose fields are at hand.
pub trait Plain: OutputType {
    /// The field of this name; `None` where it takes work or arguments: then the whole list goes the usual way.
    fn field(&self, name: &str) -> Option<Value>;
}

/// A list of such objects.
#[derive(Debug)]
pub struct PlainList<T>(pub(crate) Vec<T>);

impl<T> PlainList<T> {
    pub(crate) fn of<S>(items: impl IntoIterator<Item = S>, object: impl FnMut(S) -> T) -> Self {
        Self(items.into_iter().map(object).collect())
    }
}

/// One field of each object: its name in the answer, and in the schema.
type Wanted<'a> = (&'a Name, &'a str);

/// The fields that a selection asks for; `None` where it asks for more than names.
fn wanted<'a>(
    ctx: &ContextSelectionSet<'a>,
    type_name: &str,
    selection: &'a SelectionSet,
    found: &mut Vec<Wanted<'a>>,
) -> Option<()> {
    for selection in &selection.items {
        let (condition, inner) = match &selection.node {
            Selection::Field(field) => {
                let field = &field.node;
                let named_only = field.arguments.is_empty()
                    && field.directives.is_empty()
                    && field.selection_set.node.items.is_empty();
                if !named_only {
                    return None;
                }
                let key = &field.response_key().node;
                if !found.iter().any(|(known, _)| *known == key) {
                    found.push((key, field.name.node.as_str()));
                }
                continue;
            }
            Selection::InlineFragment(fragment) => {
                (fragment.node.type_condition.as_ref(), &fragment.node.selection_set)
            }
            Selection::FragmentSpread(spread) => {
                let fragment = ctx.query_env.fragments.get(&spread.node.fragment_name.node)?;
                (Some(&fragment.node.type_condition), &fragment.node.selection_set)
            }
        };
        if condition.is_some_and(|condition| condition.node.on.node != type_name) {
            return None;
        }
        wanted(ctx, type_name, &inner.node, found)?;
    }
    Some(())
}

impl<T: Plain> PlainList<T> {
    fn at_hand(&self, ctx: &ContextSelectionSet<'_>) -> Option<Value> {
        let type_name = T::type_name();
        let mut fields = Vec::new();
        wanted(ctx, &type_name, &ctx.item.node, &mut fields)?;
        let object = |item: &T| {
            let mut object = IndexMap::with_capacity(fields.len());
            for (key, name) in &fields {
                let value = match *name {
                    "__typename" => Value::String(type_name.to_string()),
                    name => item.field(name)?,
                };
                object.insert((*key).clone(), value);
            }
            Some(Value::Object(object))
        };
        self.0.iter().map(object).collect::<Option<Vec<_>>>().map(Value::List)
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
