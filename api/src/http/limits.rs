//! What a document would cost before anything looks at it closely.
//!
//! The engine's own limits come after validation, and validation follows every fragment spread: a few hundred bytes
//! of fragments that spread one another twice would keep it busy for hours.

use std::collections::HashMap;

use async_graphql::{
    Name, Request as GraphQlRequest, Value,
    parser::types::{ExecutableDocument, Selection, SelectionSet},
};

use super::graphql::Refusal;
use crate::ApiOptions;

/// Selections after all fragments are spread. GraphiQL's introspection has some 300; a page that shows everything
/// of a version fewer than 500.
const MAX_SELECTIONS: usize = 10_000;

/// Refuses what no honest client sends.
pub(crate) fn check(query: &mut GraphQlRequest, options: &ApiOptions) -> Result<(), Refusal> {
    // PostgreSQL keeps no NUL in a text; refused here, no field can forget to.
    if has_nul(query) {
        return Err(Refusal::bad_request("INVALID_INPUT", "a text may not contain the character U+0000".to_owned()));
    }
    // A document that does not parse is answered by the schema, with the place of the mistake.
    let Ok(document) = query.parsed_query() else { return Ok(()) };
    let size = measure(document);
    let exceeded = |what: &str, got: usize, max: usize| {
        let message = format!("the document has {got} {what}; at most {max} are allowed");
        Err(Refusal::bad_request("LIMIT_EXCEEDED", message))
    };
    if size.selections > MAX_SELECTIONS {
        return exceeded("fields and fragments once all are spread", size.selections, MAX_SELECTIONS);
    }
    if size.aliases > options.max_aliases {
        return exceeded("aliases", size.aliases, options.max_aliases);
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Size {
    selections: usize,
    aliases: usize,
}

impl Size {
    fn plus(self, other: Self) -> Self {
        Self {
            selections: self.selections.saturating_add(other.selections),
            aliases: self.aliases.saturating_add(other.aliases),
        }
    }
}

fn measure(document: &ExecutableDocument) -> Size {
    let mut known = HashMap::new();
    let operations = document.operations.iter().map(|(_, operation)| &operation.node.selection_set.node);
    let operations: Vec<Size> = operations.map(|set| of_set(set, document, &mut known)).collect();
    operations.into_iter().fold(Size::default(), Size::plus)
}

/// `known` has each fragment's size once it is measured; one that is being measured counts as nothing, because a
/// fragment that spreads itself is refused by validation.
fn of_set(set: &SelectionSet, document: &ExecutableDocument, known: &mut HashMap<Name, Size>) -> Size {
    let mut size = Size::default();
    for item in &set.items {
        let inner = match &item.node {
            Selection::Field(field) => {
                let alias = Size { selections: 1, aliases: usize::from(field.node.alias.is_some()) };
                of_set(&field.node.selection_set.node, document, known).plus(alias)
            }
            Selection::InlineFragment(fragment) => {
                let itself = Size { selections: 1, aliases: 0 };
                of_set(&fragment.node.selection_set.node, document, known).plus(itself)
            }
            Selection::FragmentSpread(spread) => of_fragment(&spread.node.fragment_name.node, document, known),
        };
        size = size.plus(inner);
    }
    size
}

fn of_fragment(name: &Name, document: &ExecutableDocument, known: &mut HashMap<Name, Size>) -> Size {
    if let Some(size) = known.get(name) {
        return *size;
    }
    let Some(fragment) = document.fragments.get(name) else { return Size::default() };
    known.insert(name.clone(), Size::default());
    let itself = Size { selections: 1, aliases: 0 };
    let size = of_set(&fragment.node.selection_set.node, document, known).plus(itself);
    known.insert(name.clone(), size);
    size
}

fn has_nul(query: &GraphQlRequest) -> bool {
    fn in_value(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains('\0'),
            Value::List(items) => items.iter().any(in_value),
            Value::Object(fields) => fields.values().any(in_value),
            _ => false,
        }
    }
    query.query.contains('\0') || query.query.contains("\\u0000") || query.variables.values().any(in_value)
}
