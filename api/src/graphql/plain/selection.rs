//! What a selection asks for, taken apart once for all objects of a list.

use async_graphql::{
    ContextSelectionSet, Name, Value,
    parser::types::{Field, Selection, SelectionSet},
};

/// A field that is asked of each object.
#[derive(Debug)]
pub struct Wanted<'a> {
    pub(crate) name: &'a str,
    /// Its name in the answer, `"name":`.
    pub(super) prefix: Vec<u8>,
    pub(super) arguments: Vec<(&'a str, Value)>,
    /// What is asked of its own object; none for a leaf.
    pub(crate) fields: Vec<Wanted<'a>>,
}

impl Wanted<'_> {
    /// The argument `keys`: none for all keys. `None` where there is more to it than a list of texts.
    pub(crate) fn keys(&self) -> Option<Option<Vec<&str>>> {
        match self.arguments.as_slice() {
            [] | [("keys", Value::Null)] => Some(None),
            [("keys", Value::List(keys))] => {
                let mut texts = Vec::with_capacity(keys.len());
                for key in keys {
                    let Value::String(key) = key else { return None };
                    texts.push(key.as_str());
                }
                Some(Some(texts))
            }
            _ => None,
        }
    }
}

/// The fields that a selection asks for, in their order; `None` where it asks for more than fields with arguments.
pub(super) fn wanted<'a>(ctx: &ContextSelectionSet<'a>) -> Option<Vec<Wanted<'a>>> {
    let mut found = Vec::new();
    add(ctx, &ctx.item.node, &mut found)?;
    Some(found)
}

fn add<'a>(ctx: &ContextSelectionSet<'a>, selection: &'a SelectionSet, found: &mut Vec<Wanted<'a>>) -> Option<()> {
    for selection in &selection.items {
        // The type that a fragment is on may be passed over: among objects of one type, validation lets only those
        // fragments through that fit it.
        let inner = match &selection.node {
            Selection::Field(field) => {
                add_field(ctx, &field.node, found)?;
                continue;
            }
            Selection::InlineFragment(fragment) if fragment.node.directives.is_empty() => &fragment.node.selection_set,
            Selection::FragmentSpread(spread) if spread.node.directives.is_empty() => {
                &ctx.query_env.fragments.get(&spread.node.fragment_name.node)?.node.selection_set
            }
            Selection::InlineFragment(_) | Selection::FragmentSpread(_) => return None,
        };
        add(ctx, &inner.node, found)?;
    }
    Some(())
}

fn add_field<'a>(ctx: &ContextSelectionSet<'a>, field: &'a Field, found: &mut Vec<Wanted<'a>>) -> Option<()> {
    if !field.directives.is_empty() {
        return None;
    }
    let key = &field.response_key().node;
    let prefix = format!("\"{key}\":").into_bytes();
    if let Some(known) = found.iter().find(|known| known.prefix == prefix) {
        // The same leaf again says nothing new (validation sees to its being the same); objects would be merged.
        let leaf = known.fields.is_empty() && field.selection_set.node.items.is_empty();
        return leaf.then_some(());
    }
    let variable = |name: Name| ctx.query_env.variables.get(&name).cloned().ok_or(());
    let mut arguments = Vec::with_capacity(field.arguments.len());
    for (name, value) in &field.arguments {
        arguments.push((name.node.as_str(), value.node.clone().into_const_with(variable).ok()?));
    }
    let mut fields = Vec::new();
    add(ctx, &field.selection_set.node, &mut fields)?;
    found.push(Wanted { name: field.name.node.as_str(), prefix, arguments, fields });
    Some(())
}
