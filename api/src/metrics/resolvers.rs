//! The fields that are measured, found in the schema once, so that a request only looks them up.

use std::{
    collections::{HashMap, HashSet},
    sync::OnceLock,
};

use async_graphql::parser::{
    parse_schema,
    types::{BaseType, ServiceDocument, Type, TypeKind, TypeSystemDefinition},
};
use prometheus::{Histogram, HistogramVec};

/// What only hands on what its parent has fetched.
const WRAPPERS: [&str; 4] = ["edges", "node", "nodes", "pageInfo"];

/// By type, then by field: looked up with two borrowed texts.
pub(super) struct Resolvers(HashMap<String, HashMap<String, Measured>>);

struct Measured {
    label: String,
    all: HistogramVec,
    /// Made when the field is first asked for: a schema has hundreds of fields that nobody asks for.
    own: OnceLock<Histogram>,
}

impl Resolvers {
    /// The fields of `sdl` that return objects, and all fields of the roots.
    pub(super) fn of(sdl: &str, all: HistogramVec) -> Self {
        let document = parse_schema(sdl).unwrap_or_else(|_| ServiceDocument { definitions: Vec::new() });
        let types = || {
            document.definitions.iter().filter_map(|definition| match definition {
                TypeSystemDefinition::Type(found) => Some(&found.node),
                _ => None,
            })
        };
        let composite: HashSet<&str> = types()
            .filter(|found| matches!(found.kind, TypeKind::Object(_) | TypeKind::Interface(_) | TypeKind::Union(_)))
            .map(|found| found.name.node.as_str())
            .collect();
        let measured = types().filter_map(|found| {
            let TypeKind::Object(object) = &found.kind else { return None };
            let parent = found.name.node.as_str();
            let root = ["Query", "Mutation", "Subscription"].contains(&parent);
            let fields = object.fields.iter().map(|field| &field.node).filter(|field| {
                let name = field.name.node.as_str();
                root || (composite.contains(base(&field.ty.node)) && !WRAPPERS.contains(&name))
            });
            let fields: HashMap<_, _> = fields
                .map(|field| {
                    let label = format!("{parent}.{}", field.name.node);
                    (field.name.node.to_string(), Measured { label, all: all.clone(), own: OnceLock::new() })
                })
                .collect();
            (!fields.is_empty()).then(|| (parent.to_owned(), fields))
        });
        Self(measured.collect())
    }

    pub(super) fn histogram(&self, parent: &str, field: &str) -> Option<&Histogram> {
        let measured = self.0.get(parent)?.get(field)?;
        Some(measured.own.get_or_init(|| measured.all.with_label_values(&[&measured.label])))
    }
}

fn base(of: &Type) -> &str {
    match &of.base {
        BaseType::Named(name) => name.as_str(),
        BaseType::List(inner) => base(inner),
    }
}

#[cfg(test)]
mod tests {
    use prometheus::HistogramOpts;

    use super::*;

    #[test]
    fn what_returns_objects_is_measured() {
        let all = HistogramVec::new(HistogramOpts::new("x", "x"), &["field"]).unwrap();
        let resolvers = Resolvers::of(&crate::graphql::sdl(), all);
        for (parent, field) in [
            ("Query", "versions"),
            ("Version", "model"),
            ("Version", "metrics"),
            ("Mutation", "login"),
            ("Subscription", "heartbeat"),
        ] {
            assert!(resolvers.histogram(parent, field).is_some(), "{parent}.{field}");
        }
        for (parent, field) in [("Version", "number"), ("VersionConnection", "nodes"), ("Query", "__schema")] {
            assert!(resolvers.histogram(parent, field).is_none(), "{parent}.{field}");
        }
    }
}
