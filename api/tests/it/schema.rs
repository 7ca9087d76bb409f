use async_graphql::parser::parse_schema;

/// `schema.graphql` is what is served. `cargo xtask codegen` (or `NUNATAK_UPDATE=1`) rewrites it.
#[test]
fn schema_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../schema.graphql");
    let served = nunatak_api::graphql::sdl();
    if std::env::var_os("NUNATAK_UPDATE").is_some() {
        std::fs::write(path, &served).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(served == committed, "schema.graphql is not what is served: run `cargo xtask codegen` and commit it");
    parse_schema(&served).expect("the schema parses");
}

/// The schema is the API user's manual: nothing in it goes without a word.
#[test]
fn everything_is_documented() {
    use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};
    let document = parse_schema(nunatak_api::graphql::sdl()).unwrap();
    let mut silent = Vec::new();
    for definition in &document.definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        let definition = &definition.node;
        let name = &definition.name.node;
        // Relay's own shapes come from the library, which describes their fields but not them.
        let relay = name.ends_with("Connection") || name.ends_with("Edge");
        if definition.description.is_none() && !relay {
            silent.push(name.to_string());
        }
        let fields = match &definition.kind {
            TypeKind::Object(object) => &object.fields,
            TypeKind::Interface(interface) => &interface.fields,
            TypeKind::InputObject(input) => {
                let fields = input.fields.iter().filter(|field| field.node.description.is_none());
                silent.extend(fields.map(|field| format!("{name}.{}", field.node.name.node)));
                continue;
            }
            TypeKind::Enum(values) => {
                let values = values.values.iter().filter(|value| value.node.description.is_none());
                silent.extend(values.map(|value| format!("{name}.{}", value.node.value.node)));
                continue;
            }
            _ => continue,
        };
        for field in fields {
            let field = &field.node;
            if field.description.is_none() {
                silent.push(format!("{name}.{}", field.name.node));
            }
            let arguments = field.arguments.iter().filter(|argument| argument.node.description.is_none());
            silent.extend(arguments.map(|argument| format!("{name}.{}({})", field.name.node, argument.node.name.node)));
        }
    }
    assert!(silent.is_empty(), "without a description: {silent:#?}");
}
