//! Variables that were left out.
//!
//! A nullable variable without a value is as if the argument that it stands for had not been written (GraphQL
//! October 2021, 6.4.1); the engine answers "Variable first is not defined" instead. So what stands for nothing is
//! taken out of the document before the engine sees it.

use std::collections::HashSet;

use async_graphql::{
    Name, Request,
    parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition, Selection, SelectionSet},
};
use async_graphql_value::Value;

/// Takes out what nullable variables without a value or default stand for.
pub(super) fn leave_out(request: &mut Request) {
    let wanted = request.operation_name.clone();
    let given: HashSet<Name> = request.variables.keys().cloned().collect();
    // What does not parse is answered by the engine, with the place of the mistake.
    let Ok(document) = request.parsed_query() else { return };
    let Some((_, operation)) = find(document, wanted.as_deref()) else { return };
    let missing = missing(operation, &given);
    if missing.is_empty() {
        return;
    }
    let mut document = document.clone();
    let keep = |operation: &mut OperationDefinition| {
        operation.variable_definitions.retain(|definition| !missing.contains(&definition.node.name.node));
        prune(&mut operation.selection_set.node, &missing);
    };
    match &mut document.operations {
        DocumentOperations::Single(operation) => keep(&mut operation.node),
        DocumentOperations::Multiple(operations) => {
            // The others share its fragments, in which their variables would be missed.
            operations.retain(|name, _| Some(name.as_str()) == wanted.as_deref());
            operations.values_mut().for_each(|operation| keep(&mut operation.node));
        }
    }
    for fragment in document.fragments.values_mut() {
        prune(&mut fragment.node.selection_set.node, &missing);
    }
    request.set_parsed_query(document);
}

fn find<'a>(
    document: &'a ExecutableDocument,
    wanted: Option<&str>,
) -> Option<(Option<&'a Name>, &'a OperationDefinition)> {
    let mut operations = document.operations.iter();
    let found = operations.find(|(name, _)| wanted.is_none() || name.map(Name::as_str) == wanted);
    found.map(|(name, operation)| (name, &operation.node))
}

fn missing(operation: &OperationDefinition, given: &HashSet<Name>) -> HashSet<Name> {
    let definitions = operation.variable_definitions.iter().map(|definition| &definition.node);
    let missing = definitions.filter(|definition| {
        definition.var_type.node.nullable
            && definition.default_value.is_none()
            && !given.contains(&definition.name.node)
    });
    missing.map(|definition| definition.name.node.clone()).collect()
}

fn prune(set: &mut SelectionSet, missing: &HashSet<Name>) {
    for selection in &mut set.items {
        match &mut selection.node {
            Selection::Field(field) => {
                let field = &mut field.node;
                field.arguments.retain_mut(|(_, value)| keep(&mut value.node, missing));
                prune(&mut field.selection_set.node, missing);
            }
            Selection::InlineFragment(fragment) => prune(&mut fragment.node.selection_set.node, missing),
            Selection::FragmentSpread(_) => {}
        }
    }
}

/// Whether the value stands for something, without the parts of it that do not.
fn keep(value: &mut Value, missing: &HashSet<Name>) -> bool {
    match value {
        Value::Variable(name) => return !missing.contains(name),
        Value::Object(fields) => fields.retain(|_, field| keep(field, missing)),
        // A place in a list cannot be left out.
        Value::List(items) => items.iter_mut().for_each(|item| {
            if !keep(item, missing) {
                *item = Value::Null;
            }
        }),
        _ => {}
    }
    true
}
