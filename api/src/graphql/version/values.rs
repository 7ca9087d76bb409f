use async_graphql::{InputObject, Json, Object, Value as AnyValue};
use nunatak_domain::{Key, Problem, Scalar};
use nunatak_store::StoreError;
use serde_json::Value;

use super::super::plain::Plain;

macro_rules! value_object {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name(pub String, pub Scalar);

        $(#[$doc])*
        #[Object]
        impl $name {
            /// Its name.
            async fn key(&self) -> &str {
                &self.0
            }

            /// Its value, of whatever type; null where null was logged (scikit-learn's None).
            async fn value(&self) -> Option<Json<Value>> {
                Some(self.1.to_json()).filter(|value| !value.is_null()).map(Json)
            }

            /// Its value, if that is a number.
            async fn number(&self) -> Option<f64> {
                if let Scalar::Number(number) = self.1 { Some(number) } else { None }
            }

            /// Its value, if that is a string.
            async fn string(&self) -> Option<&str> {
                if let Scalar::String(text) = &self.1 { Some(text) } else { None }
            }

            /// Its value, if that is a boolean.
            async fn boolean(&self) -> Option<bool> {
                if let Scalar::Boolean(value) = self.1 { Some(value) } else { None }
            }
        }

        impl Plain for $name {
            fn field(&self, name: &str) -> Option<AnyValue> {
                Some(match (name, &self.1) {
                    ("key", _) => AnyValue::from(self.0.as_str()),
                    ("value", value) => AnyValue::from_json(value.to_json()).ok()?,
                    ("number", Scalar::Number(number)) => (*number).into(),
                    ("string", Scalar::String(text)) => AnyValue::from(text.as_str()),
                    ("boolean", Scalar::Boolean(value)) => (*value).into(),
                    ("number" | "string" | "boolean", _) => AnyValue::Null,
                    _ => return None,
                })
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
    value: Option<Json<Value>>,
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
