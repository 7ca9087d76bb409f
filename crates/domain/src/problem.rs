//! What is wrong with an input, in a form that a client can act on.

use serde::Serialize;

/// One thing wrong with an input: a stable code, a sentence that says what to do, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// Stable, upper snake case: `INVALID_NAME`, `TAKEN`, `OUT_OF_RANGE`…
    pub code: &'static str,
    pub message: String,
    /// The path inside the mutation's input, `["hyperparameters", "n_estimators"]`.
    pub path: Vec<String>,
}

impl Problem {
    #[must_use]
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), path: Vec::new() }
    }

    /// The same problem, located at `field` (outermost last call wins the front).
    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.path.insert(0, field.into());
        self
    }
}
