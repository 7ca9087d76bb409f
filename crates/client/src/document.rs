//! Cuts one operation out of a document that holds many.
//!
//! A file in `operations/` holds all operations of a noun, and `graphql_client` would send the whole file with each call.
//! The server validates and costs all it is sent, so each call sends its operation and the fragments that this one needs.

use std::collections::BTreeSet;

/// The part of `document` that operation `name` needs; all of it when `name` is not there.
pub(crate) fn only(document: &str, name: &str) -> String {
    let definitions = definitions(document);
    let Some(operation) = definitions.iter().find(|it| it.kind != "fragment" && it.name == name) else {
        return document.to_owned();
    };
    let (mut kept, mut seen) = (vec![operation.text], BTreeSet::new());
    let mut spreads = fragment_spreads(operation.text);
    while let Some(spread) = spreads.pop() {
        if !seen.insert(spread) {
            continue;
        }
        if let Some(fragment) = definitions.iter().find(|it| it.kind == "fragment" && it.name == spread) {
            kept.push(fragment.text);
            spreads.extend(fragment_spreads(fragment.text));
        }
    }
    kept.join("\n")
}

struct Definition<'a> {
    kind: &'a str,
    name: &'a str,
    text: &'a str,
}

/// The top-level definitions. Our own files: no braces inside strings or comments, every operation named.
fn definitions(document: &str) -> Vec<Definition<'_>> {
    let (mut found, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (idx, character) in document.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    found.extend(definition(&document[start..=idx]));
                    start = idx + 1;
                }
            }
            _ => {}
        }
    }
    found
}

fn definition(text: &str) -> Option<Definition<'_>> {
    let start = ["query ", "mutation ", "fragment "].iter().filter_map(|kind| text.find(kind)).min()?;
    let text = &text[start..];
    let (kind, rest) = text.split_once(' ')?;
    Some(Definition { kind, name: leading_name(rest), text })
}

fn fragment_spreads(text: &str) -> Vec<&str> {
    text.split("...").skip(1).map(leading_name).filter(|name| !name.is_empty() && *name != "on").collect()
}

fn leading_name(text: &str) -> &str {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::only;

    const DOCUMENT: &str = "# Jobs.\nquery Job($id: ID!) { node(id: $id) { __typename ... on Job { ...JobFields } } }\n\
         mutation CancelJob { cancelJob { userErrors { code } } }\n\
         fragment JobFields on Job { id error { ...ErrorFields } }\nfragment ErrorFields on JobError { code }\n";

    #[test]
    fn an_operation_brings_its_fragments_and_theirs() {
        let text = only(DOCUMENT, "Job");
        assert!(text.starts_with("query Job($id"));
        assert!(text.contains("fragment JobFields") && text.contains("fragment ErrorFields"));
        assert!(!text.contains("CancelJob"));
    }

    #[test]
    fn an_operation_without_fragments_comes_alone() {
        assert_eq!(only(DOCUMENT, "CancelJob"), "mutation CancelJob { cancelJob { userErrors { code } } }");
    }

    #[test]
    fn every_mutation_asks_for_its_user_errors() {
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("operations");
        for file in std::fs::read_dir(directory).unwrap() {
            let document = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for definition in super::definitions(&document).iter().filter(|it| it.kind == "mutation") {
                assert!(definition.text.contains("userErrors { code message path }"), "{}", definition.name);
            }
        }
    }
}
