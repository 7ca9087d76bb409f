//! Checked hyperparameters: defaults filled in, limits applied, nothing unknown. Detectors only ever see these.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

use crate::{Context, DetectorError};

/// Settings that have passed their JSON Schema; every property of the schema has a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Hyperparameters {
    values: BTreeMap<String, Value>,
}

impl Hyperparameters {
    /// Checks `given` (an object, or null for none) against `schema` and fills in the defaults.
    ///
    /// Understands what [`HyperparameterSchema`](crate::HyperparameterSchema) writes: properties with `type`, `default`,
    /// `enum` and the four limits, objects and lists of such.
    ///
    /// # Errors
    /// [`DetectorError::Hyperparameter`] that names the setting and says what is permitted.
    pub fn resolve(schema: &Value, given: &Value) -> Result<Self, DetectorError> {
        let no_settings = Map::new();
        let given = match given {
            Value::Object(settings) => settings,
            Value::Null => &no_settings,
            _ => return Err(DetectorError::hyperparameter("*", "hyperparameters must be a JSON object")),
        };
        Ok(Self { values: check_object("", schema, given)?.into_iter().collect() })
    }

    /// All settings by name.
    pub fn as_map(&self) -> &BTreeMap<String, Value> {
        &self.values
    }

    /// What an object-valued setting holds, as its own type; the default where it is null.
    pub fn object<T: serde::de::DeserializeOwned + Default>(&self, name: &str) -> Result<T, DetectorError> {
        match self.values.get(name) {
            None | Some(Value::Null) => Ok(T::default()),
            Some(value) => serde_json::from_value(value.clone())
                .map_err(|error| DetectorError::hyperparameter(name, error.to_string())),
        }
    }

    pub fn contamination(&self) -> Result<f64, DetectorError> {
        self.number("contamination")
    }

    /// The seed of a run: the hyperparameter `random_state` plus the seed of the context.
    pub fn seed(&self, ctx: &Context<'_>) -> Result<u64, DetectorError> {
        let random_state = self.optional_integer("random_state")?.unwrap_or(0);
        Ok(ctx.seed.wrapping_add(random_state as u64))
    }

    pub fn integer(&self, name: &str) -> Result<usize, DetectorError> {
        self.optional_integer(name)?.ok_or_else(|| missing(name))
    }

    pub fn optional_integer(&self, name: &str) -> Result<Option<usize>, DetectorError> {
        match self.values.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let integer = value.as_u64().and_then(|integer| usize::try_from(integer).ok());
                integer.map(Some).ok_or_else(|| missing(name))
            }
        }
    }

    pub fn number(&self, name: &str) -> Result<f64, DetectorError> {
        self.optional_number(name)?.ok_or_else(|| missing(name))
    }

    pub fn optional_number(&self, name: &str) -> Result<Option<f64>, DetectorError> {
        match self.values.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value.as_f64().map(Some).ok_or_else(|| missing(name)),
        }
    }

    pub fn boolean(&self, name: &str) -> Result<bool, DetectorError> {
        self.values.get(name).and_then(Value::as_bool).ok_or_else(|| missing(name))
    }

    pub fn text(&self, name: &str) -> Result<&str, DetectorError> {
        self.values.get(name).and_then(Value::as_str).ok_or_else(|| missing(name))
    }
}

/// A detector asked for a setting that its schema does not have, or has with another type.
fn missing(name: &str) -> DetectorError {
    DetectorError::hyperparameter(name, "the detector's schema has no such setting of this type")
}

/// The properties of `schema` with the values of `given`, defaults filled in. `path` is what stands before their names.
fn check_object(path: &str, schema: &Value, given: &Map<String, Value>) -> Result<Map<String, Value>, DetectorError> {
    let none = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&none);
    if let Some(unknown) = given.keys().find(|name| !properties.contains_key(*name)) {
        let known = properties.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let message = format!("there is no such hyperparameter; known are {known}");
        return Err(DetectorError::hyperparameter(format!("{path}{unknown}"), message));
    }
    let checked = properties.iter().map(|(name, property)| {
        let value = given.get(name).unwrap_or(&property["default"]);
        Ok((name.clone(), check(&format!("{path}{name}"), property, value)?))
    });
    checked.collect()
}

fn check(name: &str, property: &Value, value: &Value) -> Result<Value, DetectorError> {
    let refuse = || DetectorError::hyperparameter(name, format!("must be {}, not {value}", permitted(property)));
    let types: Vec<&str> = match &property["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if value.is_null() && types.contains(&"null") {
        return Ok(Value::Null);
    }
    if types.contains(&"object") {
        let given = value.as_object().ok_or_else(refuse)?;
        return Ok(Value::Object(check_object(&format!("{name}."), property, given)?));
    }
    if types.contains(&"array") {
        let items = value.as_array().ok_or_else(refuse)?;
        if property["maxItems"].as_u64().is_some_and(|most| items.len() as u64 > most) {
            return Err(refuse());
        }
        return items
            .iter()
            .enumerate()
            .map(|(i, item)| check(&format!("{name}.{i}"), &property["items"], item))
            .collect();
    }
    let checked = if types.contains(&"integer") {
        Value::from(whole(value).ok_or_else(refuse)?)
    } else if types.contains(&"number") {
        let number = value.as_f64().filter(|number| number.is_finite()).ok_or_else(refuse)?;
        Value::from(Number::from_f64(number).ok_or_else(refuse)?)
    } else if types.contains(&"boolean") {
        Value::from(value.as_bool().ok_or_else(refuse)?)
    } else {
        Value::from(value.as_str().ok_or_else(refuse)?)
    };
    let in_enum = property["enum"].as_array().is_none_or(|words| words.contains(&checked));
    let in_range = checked.as_f64().is_none_or(|number| within_limits(property, number));
    if in_enum && in_range { Ok(checked) } else { Err(refuse()) }
}

/// JSON Schema takes 100.0 for an integer too.
fn whole(value: &Value) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    value.as_i64().or_else(|| value.as_f64().filter(|x| x.fract() == 0.0 && x.abs() < EXACT).map(|x| x as i64))
}

fn within_limits(property: &Value, number: f64) -> bool {
    let limit = |key: &str| property[key].as_f64();
    limit("minimum").is_none_or(|min| number >= min)
        && limit("maximum").is_none_or(|max| number <= max)
        && limit("exclusiveMinimum").is_none_or(|min| number > min)
        && limit("exclusiveMaximum").is_none_or(|max| number < max)
}

/// "an integer from 1 to 10000, or null".
pub(crate) fn permitted(property: &Value) -> String {
    if let Some(words) = property["enum"].as_array() {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        return format!("one of {}", words.join(", "));
    }
    let kind = property["type"].to_string();
    if kind.contains("array") {
        let most = property["maxItems"].as_u64().map(|most| format!(" of at most {most}")).unwrap_or_default();
        return format!("a list{most}");
    }
    let mut text = if kind.contains("object") {
        "an object"
    } else if kind.contains("integer") {
        "an integer"
    } else if kind.contains("number") {
        "a number"
    } else if kind.contains("boolean") {
        "true or false"
    } else {
        "a text"
    }
    .to_string();
    for (key, word) in [
        ("minimum", "from"),
        ("exclusiveMinimum", "greater than"),
        ("maximum", "to"),
        ("exclusiveMaximum", "less than"),
    ] {
        if !property[key].is_null() {
            text.push_str(&format!(" {word} {}", property[key]));
        }
    }
    if kind.contains("null") {
        text.push_str(", or null");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HyperparameterSchema;
    use serde_json::json;

    fn resolve(given: Value) -> Result<Hyperparameters, String> {
        let schema = HyperparameterSchema::new()
            .integer("n_neighbors", 20, 1..=100, "")
            .optional_number("eps", 0.0..=1e9, "")
            .choice("method", &["largest", "mean"], "")
            .standardize()
            .random_state()
            .build();
        Hyperparameters::resolve(&schema, &given).map_err(|error| error.to_string())
    }

    #[test]
    fn fills_in_defaults() {
        let settings = resolve(json!({"n_neighbors": 5.0, "eps": 1})).unwrap();
        assert_eq!(settings.integer("n_neighbors").unwrap(), 5);
        assert_eq!(settings.optional_number("eps").unwrap(), Some(1.0));
        assert_eq!(settings.text("method").unwrap(), "largest");
        assert!(settings.boolean("standardize").unwrap());
        assert_eq!(settings.contamination().unwrap(), 0.1);
        assert_eq!(resolve(Value::Null).unwrap().optional_number("eps").unwrap(), None);
    }

    #[test]
    fn messages_say_what_is_permitted() {
        let cases = [
            (json!({"n_neighbors": 0}), "hyperparameter `n_neighbors`: must be an integer from 1 to 100, not 0"),
            (json!({"n_neighbors": 1.5}), "hyperparameter `n_neighbors`: must be an integer from 1 to 100, not 1.5"),
            (json!({"n_neighbors": null}), "hyperparameter `n_neighbors`: must be an integer from 1 to 100, not null"),
            (
                json!({"contamination": 0.0}),
                "hyperparameter `contamination`: must be a number greater than 0.0 to 0.5, not 0.0",
            ),
            (
                json!({"eps": "x"}),
                "hyperparameter `eps`: must be a number from 0.0 to 1000000000.0, or null, not \"x\"",
            ),
            (
                json!({"method": "median"}),
                "hyperparameter `method`: must be one of \"largest\", \"mean\", not \"median\"",
            ),
            (json!({"standardize": 1}), "hyperparameter `standardize`: must be true or false, not 1"),
            (json!([1]), "hyperparameter `*`: hyperparameters must be a JSON object"),
        ];
        for (given, message) in cases {
            assert_eq!(resolve(given).unwrap_err(), message);
        }
        let unknown = resolve(json!({"k": 1})).unwrap_err();
        assert!(unknown.starts_with("hyperparameter `k`: there is no such hyperparameter; known are "), "{unknown}");
        assert!(unknown.contains("n_neighbors"));
    }
}
