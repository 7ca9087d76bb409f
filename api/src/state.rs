use std::{sync::Arc, time::Duration};

use nunatak_store::Store;

use crate::{Metrics, ScoringPatience, TokenKeys, Trust};

/// Everything that a request may need; cheap to clone.
#[derive(Debug, Clone)]
pub struct ApiState {
    pub store: Store,
    pub keys: Arc<TokenKeys>,
    pub options: ApiOptions,
}

/// What an installation may set. The defaults are what `docs/` and the schema's descriptions state.
#[derive(Debug, Clone)]
pub struct ApiOptions {
    /// Life of an access token.
    pub access_lifetime: Duration,
    /// Life of a job's own token; the attempt number fences it long before.
    pub job_token_lifetime: Duration,
    /// Largest body of a GraphQL request, in bytes.
    pub max_body: usize,
    pub max_depth: usize,
    pub max_complexity: usize,
    pub max_aliases: usize,
    /// No GraphQL operation over HTTP runs longer.
    pub timeout: Duration,
    /// Subscriptions that one WebSocket may hold open at once.
    pub max_subscriptions: usize,
    /// What a subscription with `since` sends at most before it goes on live.
    pub max_since: usize,
    /// Web origins other than the server's own that may open WebSockets.
    pub allowed_origins: Vec<String>,
    /// Which documents may run. Have it checked against the schema before serving ([`Trust::check`]).
    pub trust: Trust,
    /// How long runners that score at once are waited for.
    pub scoring: ScoringPatience,
    /// Where to count what is done; nowhere unless set.
    pub metrics: Option<Arc<Metrics>>,
}

impl Default for ApiOptions {
    fn default() -> Self {
        Self {
            access_lifetime: Duration::from_secs(20 * 60),
            job_token_lifetime: Duration::from_secs(24 * 3600),
            // A training's completion carries its figures: up to 500 points each, well below this.
            max_body: 4 * 1024 * 1024,
            // GraphiQL's introspection is 13 levels deep.
            max_depth: 16,
            max_complexity: 20_000,
            max_aliases: 30,
            timeout: Duration::from_secs(60),
            max_subscriptions: 20,
            // As records they take a few MB while they wait to be sent.
            max_since: 1000,
            allowed_origins: Vec::new(),
            trust: Trust::Off,
            scoring: ScoringPatience::default(),
            metrics: None,
        }
    }
}
