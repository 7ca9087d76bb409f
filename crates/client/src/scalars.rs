//! The Rust types of the schema's custom scalars.

use serde::{Deserialize, Deserializer, Serialize};

/// A moment in UTC.
pub type DateTime = chrono::DateTime<chrono::Utc>;

/// Any JSON value.
pub type JSON = serde_json::Value;

/// The SHA-256 of a file: 64 lower-case hexadecimal digits.
pub type Sha256 = String;

/// A whole number beyond GraphQL's 32 bits. Sent as a JSON number; read from a number or a string of digits, because
/// JavaScript servers send the latter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Int64(pub i64);

impl From<i64> for Int64 {
    fn from(value: i64) -> Self {
        Self(value)
    }
}

impl From<Int64> for i64 {
    fn from(value: Int64) -> Self {
        value.0
    }
}

impl std::fmt::Display for Int64 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Int64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(i64),
            Digits(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(number) => Ok(Self(number)),
            Written::Digits(digits) => digits.parse().map(Self).map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Int64;

    #[test]
    fn whole_numbers_are_read_from_numbers_and_digits_and_written_as_numbers() {
        let read = |json: &str| serde_json::from_str::<Int64>(json).map(|value| value.0).ok();
        assert_eq!(read("9007199254740993"), Some(9_007_199_254_740_993));
        assert_eq!(read("\"9007199254740993\""), Some(9_007_199_254_740_993));
        assert_eq!(read("\"many\""), None);
        assert_eq!(read("1.5"), None);
        assert_eq!(serde_json::to_string(&Int64(7)).unwrap(), "7");
    }
}
