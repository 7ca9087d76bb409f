//! Trusted documents: what a server's clients may ask, named by the SHA-256 of the text.
//!
//! The form of the request is that of GraphQL over HTTP's appendix on persisted documents: `documentId` instead of
//! `query`. The list is the operator's; clients cannot add to it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_graphql::{
    Name, Request, Value, Variables,
    parser::types::{BaseType, ExecutableDocument, OperationDefinition},
};
use sha2::{Digest, Sha256};

use crate::{ApiOptions, ApiSchema, graphql::observer::CheckOnly, http::limits};

/// What becomes of documents that are not on the list.
#[derive(Debug, Clone, Default)]
pub enum Trust {
    /// There is no list.
    #[default]
    Off,
    /// What is on the list may be sent by its id; everything else is welcome, too.
    Known(Arc<Documents>),
    /// Nothing else runs, but for administrators and for runners at work on a job.
    Only(Arc<Documents>),
}

impl Trust {
    pub(crate) fn documents(&self) -> Option<&Documents> {
        match self {
            Self::Off => None,
            Self::Known(documents) | Self::Only(documents) => Some(documents),
        }
    }

    /// # Errors
    /// Names the first document that does not parse, does not fit the schema or is above a limit.
    pub async fn check(&self, schema: &ApiSchema, options: &ApiOptions) -> Result<(), ManifestError> {
        match self.documents() {
            Some(documents) => documents.check(schema, options).await,
            None => Ok(()),
        }
    }
}

/// The documents of a manifest, parsed, by the SHA-256 of their text.
#[derive(Debug)]
pub struct Documents(BTreeMap<String, Document>);

#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) text: String,
    pub(crate) parsed: ExecutableDocument,
}

/// Why a manifest is of no use. Its sentence names the document.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("the manifest is not a JSON object of documents by their SHA-256: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the document under {id} is another one: the SHA-256 of its text is {actual}")]
    OtherText { id: String, actual: String },
    #[error("the document {id} does not parse: {reason}")]
    Syntax { id: String, reason: String },
    #[error("the document {id}{operation} does not fit this server: {reason}")]
    DoesNotFit { id: String, operation: String, reason: String },
}

impl Documents {
    /// Reads `{"<sha256 of the text>": "<text>"}`; `sha256:` before the hash is allowed.
    ///
    /// # Errors
    /// Names the document that does not parse or has another hash.
    pub fn read(manifest: &str) -> Result<Self, ManifestError> {
        let texts: BTreeMap<String, String> = serde_json::from_str(manifest)?;
        let mut documents = BTreeMap::new();
        for (key, text) in texts {
            let id = key.strip_prefix("sha256:").unwrap_or(&key).to_owned();
            let actual = hash(&text);
            if id != actual {
                return Err(ManifestError::OtherText { id, actual });
            }
            let parsed = async_graphql::parser::parse_query(&text)
                .map_err(|error| ManifestError::Syntax { id: id.clone(), reason: error.to_string() })?;
            documents.insert(id, Document { text, parsed });
        }
        Ok(Self(documents))
    }

    /// By `sha256:` and 64 lower-case hexadecimal digits.
    pub(crate) fn find(&self, id: &str) -> Option<&Document> {
        self.0.get(id.strip_prefix("sha256:")?)
    }

    pub(crate) fn of_text(&self, text: &str) -> Option<&Document> {
        self.0.get(&hash(text))
    }

    async fn check(&self, schema: &ApiSchema, options: &ApiOptions) -> Result<(), ManifestError> {
        for (id, document) in &self.0 {
            let operation = document.names();
            for (name, definition) in document.parsed.operations.iter() {
                let refused =
                    |reason: String| ManifestError::DoesNotFit { id: id.clone(), operation: operation.clone(), reason };
                let mut request = document.put_into(Request::new("")).data(CheckOnly);
                request.operation_name = name.map(ToString::to_string);
                request.variables = smallest(&definition.node);
                limits::check(&mut request, options).map_err(|refusal| refused(refusal.message().to_owned()))?;
                let answer = schema.execute(request).await;
                match answer.errors.first() {
                    Some(error) if error.message == CheckOnly::FITS => {}
                    Some(error) => return Err(refused(error.message.clone())),
                    None => return Err(refused("it was not checked".to_owned())),
                }
            }
        }
        Ok(())
    }
}

impl Document {
    /// ` (A, B)`, the operations' names.
    fn names(&self) -> String {
        let names: BTreeSet<_> = self.parsed.operations.iter().filter_map(|(name, _)| name).collect();
        let names: Vec<_> = names.into_iter().map(Name::as_str).collect();
        if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) }
    }

    /// The request with this document, which need not be parsed again.
    pub(crate) fn put_into(&self, mut request: Request) -> Request {
        request.query.clone_from(&self.text);
        request.set_parsed_query(self.parsed.clone());
        request
    }
}

/// The numbers that a document's cost may hang on, as small as they get: without them the engine cannot tell it.
fn smallest(operation: &OperationDefinition) -> Variables {
    let definitions = operation.variable_definitions.iter().map(|definition| &definition.node);
    let numbers = definitions.filter(|definition| match &definition.var_type.node.base {
        BaseType::Named(name) => name == "Int" && definition.default_value().is_none(),
        BaseType::List(_) => false,
    });
    let values = numbers.map(|definition| (definition.name.node.clone(), Value::from(1)));
    Variables::from_value(Value::Object(values.collect()))
}

fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}
