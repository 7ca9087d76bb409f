//! Hyperparameters against the JSON Schema that their detector was registered with.

use jsonschema::{ValidationError, Validator, error::ValidationErrorKind};
use nunatak_domain::Problem;
use serde_json::{Map, Value};

/// A detector's schema, ready to check many settings.
pub(crate) struct Compiled<'a> {
    schema: &'a Value,
    validator: Result<Validator, String>,
}

/// The full set: what was given, and the schema's defaults for the rest.
///
/// # Errors
/// One problem for each setting that is wrong, at `["hyperparameters", name]`: `UNKNOWN_HYPERPARAMETER` with the
/// known names, `WRONG_TYPE` and `OUT_OF_RANGE` with what is permitted.
pub(super) fn resolve(schema: &Value, given: &Value) -> Result<Value, Vec<Problem>> {
    Compiled::of(schema).resolve(given)
}

impl<'a> Compiled<'a> {
    pub(crate) fn of(schema: &'a Value) -> Self {
        Self { schema, validator: jsonschema::validator_for(schema).map_err(|error| error.to_string()) }
    }

    /// What the schema says of one hyperparameter; null where it does not know it.
    pub(crate) fn property(&self, name: &str) -> &Value {
        &self.schema["properties"][name]
    }

    /// See [`resolve`].
    ///
    /// # Errors
    /// Those of [`resolve`].
    pub(crate) fn resolve(&self, given: &Value) -> Result<Value, Vec<Problem>> {
        let nothing = Map::new();
        let given = match given {
            Value::Object(settings) => settings,
            Value::Null => &nothing,
            _ => {
                let message = "hyperparameters must be a JSON object";
                return Err(vec![Problem::new("WRONG_TYPE", message).at("hyperparameters")]);
            }
        };
        let properties = self.schema["properties"].as_object().unwrap_or(&nothing);
        let mut problems = unknown(self.schema, properties, given);
        let full = completed(properties, given);
        match &self.validator {
            Ok(validator) => {
                problems.extend(validator.iter_errors(&full).filter_map(|error| problem(properties, &error)));
            }
            Err(error) => {
                let message = format!("the detector's schema is damaged, register its runner again: {error}");
                problems.push(Problem::new("INVALID_SCHEMA", message).at("detector"));
            }
        }
        if problems.is_empty() { Ok(full) } else { Err(problems) }
    }
}

fn completed(properties: &Map<String, Value>, given: &Map<String, Value>) -> Value {
    let mut full = given.clone();
    for (name, property) in properties {
        if let (false, Some(default)) = (full.contains_key(name), property.get("default")) {
            full.insert(name.clone(), default.clone());
        }
    }
    Value::Object(full)
}

/// A name that the schema does not list is a misspelling, unless the schema says outright that it takes any.
fn unknown(schema: &Value, properties: &Map<String, Value>, given: &Map<String, Value>) -> Vec<Problem> {
    let takes_any = match &schema["additionalProperties"] {
        Value::Bool(any) => *any,
        other => other.is_object(),
    };
    if takes_any || schema.get("patternProperties").is_some() {
        return Vec::new();
    }
    let known = properties.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let strangers = given.keys().filter(|name| !properties.contains_key(*name));
    strangers
        .map(|name| {
            let shown: String = name.chars().take(100).collect();
            let message = if known.is_empty() {
                format!("there is no hyperparameter `{shown}`: this detector has none")
            } else {
                format!("there is no hyperparameter `{shown}`; known are {known}")
            };
            Problem::new("UNKNOWN_HYPERPARAMETER", message).at(name).at("hyperparameters")
        })
        .collect()
}

/// `None` for what has been said already.
fn problem(properties: &Map<String, Value>, error: &ValidationError<'_>) -> Option<Problem> {
    let path = error.instance_path.as_str();
    let name = path.strip_prefix('/').map(|path| path.split('/').next().unwrap_or(path));
    let name = name.map(|name| name.replace("~1", "/").replace("~0", "~"));
    let Some(name) = name else {
        return match &error.kind {
            ValidationErrorKind::AdditionalProperties { .. } | ValidationErrorKind::UnevaluatedProperties { .. } => {
                None
            }
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                let message = format!("`{name}` has no default: give it a value");
                Some(Problem::new("REQUIRED", message).at(name).at("hyperparameters"))
            }
            _ => Some(Problem::new("INVALID_INPUT", error.to_string()).at("hyperparameters")),
        };
    };
    let code = match &error.kind {
        ValidationErrorKind::Type { .. } => "WRONG_TYPE",
        ValidationErrorKind::Minimum { .. }
        | ValidationErrorKind::Maximum { .. }
        | ValidationErrorKind::ExclusiveMinimum { .. }
        | ValidationErrorKind::ExclusiveMaximum { .. }
        | ValidationErrorKind::MultipleOf { .. }
        | ValidationErrorKind::Enum { .. }
        | ValidationErrorKind::Constant { .. } => "OUT_OF_RANGE",
        _ => "INVALID_INPUT",
    };
    let property = properties.get(&name).unwrap_or(&Value::Null);
    let message = match permitted(property) {
        Some(permitted) if code != "INVALID_INPUT" => {
            format!("`{name}` must be {permitted}, not {}", shortened(&error.instance))
        }
        _ => format!("`{name}`: {error}"),
    };
    Some(Problem::new(code, message).at(name).at("hyperparameters"))
}

fn shortened(value: &Value) -> String {
    const SHOWN: usize = 60;
    let text = value.to_string();
    if text.chars().count() <= SHOWN {
        return text;
    }
    format!("{}…", text.chars().take(SHOWN).collect::<String>())
}

/// "an integer from 1 to 10000, or null"; `None` where the property is more than a type and limits.
fn permitted(property: &Value) -> Option<String> {
    if let Some(words) = property["enum"].as_array() {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        return Some(format!("one of {}", words.join(", ")));
    }
    let types: Vec<&str> = match &property["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    let kinds = types.iter().map(|kind| match *kind {
        "integer" => "an integer",
        "number" => "a number",
        "boolean" => "true or false",
        "string" => "a text",
        "array" => "a list",
        "object" => "an object",
        other => other,
    });
    let mut limits = String::new();
    for (keyword, word) in [
        ("minimum", "from"),
        ("exclusiveMinimum", "greater than"),
        ("maximum", "to"),
        ("exclusiveMaximum", "less than"),
        ("multipleOf", "in steps of"),
    ] {
        if let Some(limit) = property.get(keyword) {
            limits.push_str(&format!(" {word} {limit}"));
        }
    }
    let (nulls, kinds): (Vec<&str>, Vec<&str>) = kinds.partition(|kind| *kind == "null");
    let or_null = if nulls.is_empty() { "" } else { ", or null" };
    Some(format!("{}{limits}{or_null}", kinds.join(" or ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    type Told = (&'static str, String, Vec<String>);

    fn resolved(given: &Value) -> Result<Value, Vec<Told>> {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "n_estimators": {"type": "integer", "default": 100, "minimum": 1, "maximum": 10000},
                "max_features": {"type": ["number", "null"], "default": null, "exclusiveMinimum": 0.0, "maximum": 1.0},
                "method": {"type": "string", "default": "largest", "enum": ["largest", "mean"]},
            },
        });
        resolve(&schema, given).map_err(|problems| {
            problems.into_iter().map(|problem| (problem.code, problem.message, problem.path)).collect()
        })
    }

    #[test]
    fn defaults_complete_the_set() {
        let all = json!({"n_estimators": 5, "max_features": null, "method": "largest"});
        assert_eq!(resolved(&json!({"n_estimators": 5})).unwrap(), all);
        assert!(resolved(&Value::Null).is_ok());
    }

    #[test]
    fn problems_say_where_and_what_is_permitted() {
        let path = |name: &str| vec!["hyperparameters".to_owned(), name.to_owned()];
        let cases = [
            (json!({"n_estimators": 0}), "OUT_OF_RANGE", "`n_estimators` must be an integer from 1 to 10000, not 0"),
            (json!({"n_estimators": 1.5}), "WRONG_TYPE", "`n_estimators` must be an integer from 1 to 10000, not 1.5"),
            (
                json!({"max_features": 0}),
                "OUT_OF_RANGE",
                "`max_features` must be a number greater than 0.0 to 1.0, or null, not 0",
            ),
            (json!({"method": "x"}), "OUT_OF_RANGE", "`method` must be one of \"largest\", \"mean\", not \"x\""),
        ];
        for (given, code, message) in cases {
            let name = given.as_object().unwrap().keys().next().unwrap().clone();
            assert_eq!(resolved(&given).unwrap_err(), [(code, message.to_owned(), path(&name))]);
        }
        let unknown = resolved(&json!({"k": 1})).unwrap_err();
        let message = "there is no hyperparameter `k`; known are max_features, method, n_estimators";
        assert_eq!(unknown, [("UNKNOWN_HYPERPARAMETER", message.to_owned(), path("k"))]);
        assert_eq!(resolved(&json!([1])).unwrap_err()[0].0, "WRONG_TYPE");
    }
}
