//! What the engine tells about an operation: its cost, and how long its fields take.
//!
//! One extension for all of it: with any at all the engine looks up every field's type and makes one future on the
//! heap for each field and extension, so a second one would cost 3,000 of them a page.

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use async_graphql::{
    Response, ServerError, ServerResult, ValidationResult, Value,
    extensions::{
        Extension, ExtensionContext, ExtensionFactory, NextRequest, NextResolve, NextValidation, ResolveInfo,
    },
    value,
};

use crate::Metrics;

/// In a request's data: it is only looked whether its document fits; nothing runs.
pub(crate) struct CheckOnly;

impl CheckOnly {
    /// The error of a document that fits: the engine has no other way to stop there.
    pub(crate) const FITS: &str = "the document fits the schema";
}

pub(crate) struct Observer(pub(crate) Option<Arc<Metrics>>);

impl ExtensionFactory for Observer {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Observation { metrics: self.0.clone(), cost: OnceLock::new() })
    }
}

/// Of one operation.
struct Observation {
    metrics: Option<Arc<Metrics>>,
    cost: OnceLock<ValidationResult>,
}

#[async_trait::async_trait]
impl Extension for Observation {
    async fn request(&self, ctx: &ExtensionContext<'_>, next: NextRequest<'_>) -> Response {
        let answer = next.run(ctx).await;
        match self.cost.get() {
            Some(cost) => answer.extension("analyzer", value!({ "complexity": cost.complexity, "depth": cost.depth })),
            None => answer,
        }
    }

    async fn validation(
        &self,
        ctx: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        let cost = next.run(ctx).await?;
        if ctx.data_opt::<CheckOnly>().is_some() {
            return Err(vec![ServerError::new(CheckOnly::FITS, None)]);
        }
        // An error says that it is set: a document is validated once.
        let _ = self.cost.set(cost);
        Ok(cost)
    }

    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        let Some(histogram) = self.histogram(&info) else { return next.run(ctx, info).await };
        let started = Instant::now();
        let answer = next.run(ctx, info).await;
        histogram.observe(started.elapsed().as_secs_f64());
        answer
    }
}

impl Observation {
    fn histogram(&self, info: &ResolveInfo<'_>) -> Option<&prometheus::Histogram> {
        let metrics = self.metrics.as_deref()?;
        // Nearly all fields of an answer are leaves below the roots: told without looking anything up.
        if info.field.selection_set.node.items.is_empty() && info.path_node.parent.is_some() {
            return None;
        }
        metrics.resolver(info.parent_type, info.name)
    }
}
