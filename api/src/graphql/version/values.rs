use async_graphql::{InputObject, Json as AnyJson, Object};
use nunatak_domain::{Key, Problem, Scalar};
use nunatak_store::StoreError;
use serde_json::Value;

use super::super::plain::{Json, Plain, Wanted};

macro_rules! value_object {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name(pub (String, Scalar));

        $(#[$doc])*
        #[Object]
        impl $name {
            /// Its name.
            async fn key(&self) -> &str {
                &self.0.0
            }

            /// Its value, of whatever type; null where null was logged (scikit-learn's None).
            async fn value(&self) -> Option<AnyJson<Value>> {
                Some(self.0.1.to_json()).filter(|value| !value.is_null()).map(AnyJson)
            }

            /// Its value, if that is a number.
            async fn number(&self) -> Option<f64> {
                if let Scalar::Number(number) = self.0.1 { Some(number) } else { None }
            }

            /// Its value, if that is a string.
            async fn string(&self) -> Option<&str> {
                if let Scalar::String(text) = &self.0.1 { Some(text) } else { None }
            }

            /// Its value, if that is a boolean.
            async fn boolean(&self) -> Option<bool> {
                if let Scalar::Boolean(value) = self.0.1 { Some(value) } else { None }
            }
        }

        impl Plain for $name {
            type Record = (String, Scalar);

            fn record(&self) -> &(String, Scalar) {
                &self.0
            }

            fn write((key, value): &(String, Scalar), field: &Wanted<'_>, out: &mut Json<'_>) -> Option<()> {
                match (field.name, value) {
                    ("key", _) => out.any(key),
                    ("value" | "string", Scalar::String(text)) => out.any(text),
                    ("value", value) => out.any(&value.to_json()),
                    ("number", Scalar::Number(number)) => out.float(*number),
                    ("boolean", Scalar::Boolean(value)) => out.any(value),
                    ("number" | "string" | "boolean", _) => out.null(),
                    _ => None,
                }
            }
        }
    };
}

value_object! {
    /// Something that was chosen before training, `n_estimators`.
    Hyperparameter
}
value_object! {
    /// Something that was learned or noted besides, `n_features_in`.
    Parameter
}

/// A hyperparameter or parameter to be logged.
#[derive(InputObject, Debug, Clone)]
pub struct KeyValueInput {
    /// 1 to 250 characters.
    key: String,
    /// Any JSON, null included. Numbers, strings and booleans can be filtered and ordered by; of others, whether they exist.
    value: Option<AnyJson<Value>>,
}

/// Checks the values of the input field named `field`.
pub(super) fn parse_values(values: Vec<KeyValueInput>, field: &str) -> Result<Vec<(Key, Scalar)>, StoreError> {
    let parse = |(place, input): (usize, KeyValueInput)| {
        let located = |problem: Problem| problem.at(place.to_string()).at(field);
        let key = Key::parse(&input.key).map_err(|problem| located(problem.at("key")))?;
        let value = Scalar::from_json(input.value.map_or(Value::Null, |value| value.0))
            .map_err(|problem| located(problem.at("value")))?;
        Ok((key, value))
    };
    values.into_iter().enumerate().map(parse).collect()
}
