//! Names that people give: parsed once, then known to be good.

use std::fmt;

use crate::Problem;

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        pub struct $name(String);

        impl $name {
            #[must_use]
            pub fn as_str(&self) -> &str { &self.0 }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
        impl From<$name> for String {
            fn from(name: $name) -> String { name.0 }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

text_type! {
    /// The name of a workspace, project, model, dataset or tag: 1 to 120 characters, no control characters,
    /// no slash, no blank at either end.
    Name
}
text_type! {
    /// The name of an alias: 1 to 60 of `a-z A-Z 0-9 . _ -`, not a number (numbers mean versions).
    AliasName
}
text_type! {
    /// The key of a hyperparameter, parameter or metric: 1 to 250 characters, no control characters.
    Key
}

impl Name {
    pub const MAX_CHARS: usize = 120;

    /// # Errors
    /// `INVALID_NAME` with what to change.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let complaint = if text.trim().is_empty() {
            "a name may not be empty"
        } else if text.trim() != text {
            "a name may not begin or end with a blank"
        } else if text.chars().count() > Self::MAX_CHARS {
            "a name may have at most 120 characters"
        } else if text.chars().any(|c| c.is_control() || c == '/') {
            "a name may not contain control characters or `/`"
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(Problem::new("INVALID_NAME", complaint))
    }
}

impl AliasName {
    /// # Errors
    /// `INVALID_NAME` with what to change.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if text.is_empty() || text.len() > 60 || !text.chars().all(good) {
            return Err(Problem::new("INVALID_NAME", "an alias has 1 to 60 characters of a-z A-Z 0-9 . _ -"));
        }
        if text.chars().all(|c| c.is_ascii_digit()) {
            return Err(Problem::new("INVALID_NAME", "an alias may not be a number: numbers mean versions"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl Key {
    pub const MAX_CHARS: usize = 250;

    /// # Errors
    /// `INVALID_KEY` with what to change.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        if text.is_empty() || text.chars().count() > Self::MAX_CHARS || text.chars().any(char::is_control) {
            return Err(Problem::new("INVALID_KEY", "a key has 1 to 250 characters and no control characters"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// A login: what a user types, 2 to 60 of `a-z 0-9 . _ -`, beginning with a letter or digit.
///
/// # Errors
/// `INVALID_NAME` with what to change.
pub fn parse_login(text: &str) -> Result<String, Problem> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    let starts = text.chars().next().is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if !starts || !(2..=60).contains(&text.len()) || !text.chars().all(good) {
        return Err(Problem::new(
            "INVALID_NAME",
            "a login has 2 to 60 characters of a-z 0-9 . _ - and begins with a letter or digit",
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_hurt_later_are_refused() {
        for bad in ["", " ", " pump", "pump ", "a/b", "a\0b", &"x".repeat(121)] {
            assert!(Name::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(Name::parse("Pumpe 7 – Vibration").unwrap().as_str(), "Pumpe 7 – Vibration");
    }

    #[test]
    fn an_alias_is_not_a_number() {
        assert!(AliasName::parse("champion").is_ok());
        assert!(AliasName::parse("12").is_err());
        assert!(AliasName::parse("a b").is_err());
    }
}
