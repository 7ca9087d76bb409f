//! The one error type of the plug-in boundary. Its variants say whose turn it is: the data, the settings, the artefact.

/// Why a detector could not be trained, loaded or applied.
///
/// Every message is a whole sentence that is safe to show to the user who asked: it names columns, rows and permitted
/// values, never file paths or row contents beyond the one cell at fault.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DetectorError {
    /// The CSV text is malformed. The message says the row and column.
    #[error("{message}")]
    Csv { message: String },

    /// The table cannot be used as it is: too few rows, no feature, missing or infinite values.
    #[error("{message}")]
    Data { message: String },

    /// A hyperparameter is unknown, of the wrong type or out of range. The message says what is permitted.
    #[error("hyperparameter `{name}`: {message}")]
    Hyperparameter { name: String, message: String },

    /// The columns to score are not those the version was trained on.
    #[error(
        "the version expects the {} columns [{}] but got the {} columns [{}]: {message}",
        expected.len(), list(expected), got.len(), list(got)
    )]
    InputSchema { expected: Vec<String>, got: Vec<String>, message: String },

    /// The artefact is damaged, of another format, or inconsistent.
    #[error("the artefact cannot be used: {message}")]
    Artifact { message: String },

    /// No detector of that name is registered with this runner.
    #[error("no detector `{name}` here; this runner has: {}", list(known))]
    UnknownDetector { name: String, known: Vec<String> },

    /// The arithmetic broke down: a score or a learned parameter was not finite.
    #[error("{message}")]
    Numeric { message: String },

    /// The run was cancelled through [`Context::cancel`](crate::Context).
    #[error("cancelled")]
    Cancelled,
}

impl DetectorError {
    /// A stable word for programs, the same for every error of a variant.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Csv { .. } => "CSV",
            Self::Data { .. } => "DATA",
            Self::Hyperparameter { .. } => "HYPERPARAMETER",
            Self::InputSchema { .. } => "INPUT_SCHEMA",
            Self::Artifact { .. } => "ARTIFACT",
            Self::UnknownDetector { .. } => "UNKNOWN_DETECTOR",
            Self::Numeric { .. } => "NUMERIC",
            Self::Cancelled => "CANCELLED",
        }
    }

    pub fn csv(message: impl Into<String>) -> Self {
        Self::Csv { message: message.into() }
    }

    pub fn data(message: impl Into<String>) -> Self {
        Self::Data { message: message.into() }
    }

    pub fn hyperparameter(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Hyperparameter { name: name.into(), message: message.into() }
    }

    pub fn artifact(message: impl Into<String>) -> Self {
        Self::Artifact { message: message.into() }
    }

    pub fn numeric(message: impl Into<String>) -> Self {
        Self::Numeric { message: message.into() }
    }
}

/// Names for a message, shortened so that a table of thousands of columns still gives a readable sentence.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 20;
    let mut text = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(", … {} more", names.len() - SHOWN));
    }
    text
}
