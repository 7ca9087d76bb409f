//! What a detector says of itself.

use serde_json::{Map, Value, json};

use super::{Break, Promise, Subject, broken, table};
use crate::{Context, DetectorError, train};

pub(super) const DESCRIBED: Promise = Promise {
    name: "described",
    says: "describes itself and each of its hyperparameters, the same at every call",
    keep: is_described,
};

pub(super) const CHECKED: Promise = Promise {
    name: "checked",
    says: "refuses hyperparameters that its schema does not permit, and records those that it used",
    keep: is_checked,
};

fn is_described(subject: &Subject<'_>) -> Result<(), Break> {
    let spec = subject.detector.spec();
    if subject.detector.spec() != spec {
        return broken("`spec` answers something else the second time");
    }
    if spec.name.is_empty() || !spec.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
        return broken(format!("the name `{}` is not snake_case: a-z, 0-9 and _", spec.name));
    }
    if !is_semantic(&spec.version) {
        return broken(format!("the version `{}` is not three numbers, as in 1.0.0", spec.version));
    }
    for (what, text) in [("title", &spec.title), ("summary", &spec.summary), ("description", &spec.description)] {
        if text.trim().is_empty() {
            return broken(format!("the {what} is empty"));
        }
    }
    is_schema(&spec.hyperparameters)
}

fn is_semantic(version: &str) -> bool {
    let parts: Vec<_> = version.split('.').collect();
    parts.len() == 3 && parts.iter().all(|part| part.parse::<u32>().is_ok())
}

fn is_schema(schema: &Value) -> Result<(), Break> {
    if schema["type"] != "object" || schema["additionalProperties"] != false {
        return broken(
            "the schema is not one of an object without further properties; build it with HyperparameterSchema",
        );
    }
    let none = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&none);
    if let Some(missing) =
        ["contamination", "threshold", "preprocessing"].iter().find(|it| !properties.contains_key(**it))
    {
        return broken(format!("`{missing}` is missing: begin the schema with HyperparameterSchema::new()"));
    }
    for (name, property) in properties {
        if property["description"].as_str().is_none_or(|text| text.trim().len() < 10) {
            return broken(format!("`{name}` has no description that would help anybody"));
        }
        if property.get("default").is_none() || property.get("type").is_none() {
            return broken(format!("`{name}` has no default or no type"));
        }
    }
    Ok(())
}

fn is_checked(subject: &Subject<'_>) -> Result<(), Break> {
    for (name, value) in [("contamination", json!(0.7)), ("no_such_setting", json!(3))] {
        let mut settings = subject.hyperparameters.clone();
        settings[name] = value;
        match train(subject.detector, &table(50), &settings, &Context::quiet(0)) {
            Err(DetectorError::Hyperparameter { name: found, .. }) if found == name => {}
            other => return broken(format!("`{name}` out of range was not refused: {:?}", other.err())),
        }
    }
    let trained = subject.train(&table(300))?;
    let schema = subject.detector.spec().hyperparameters;
    let expected = schema["properties"].as_object().map_or(0, Map::len);
    let recorded = trained.hyperparameters.len();
    if recorded == expected { Ok(()) } else { broken(format!("{recorded} of {expected} hyperparameters are recorded")) }
}
