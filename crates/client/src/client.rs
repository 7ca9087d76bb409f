//! The client itself: one connection pool, one address, perhaps a token.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use graphql_client::GraphQLQuery;
use reqwest::{RequestBuilder, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::document::only;
use crate::repeat::is_repeatable;
use crate::{Backoff, ClientError, response};

/// Speaks to one server. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    token: Option<Arc<str>>,
}

struct Shared {
    http: reqwest::Client,
    base: Url,
    graphql: Url,
    options: ClientOptions,
}

/// How patient a client is.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// For a whole GraphQL call, each try by itself.
    pub timeout: Duration,
    /// For a file: how long no byte may move.
    pub idle_timeout: Duration,
    /// How often a call that may be repeated is sent again. A file gets as many again whenever it made progress.
    pub retries: u32,
    /// The first wait before a repetition; it doubles each time.
    pub backoff_initial: Duration,
    pub backoff_max: Duration,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
            // With these waits a server that restarts within 3 to 6 seconds goes unnoticed.
            retries: 5,
            backoff_initial: Duration::from_millis(200),
            backoff_max: Duration::from_secs(5),
        }
    }
}

impl Client {
    /// A client of the server at `base_url` (`https://nunatak.example.org`), without or with a token: an access token
    /// from [`login`](Self::login), an API token, or that of a claim.
    pub fn new(base_url: &str, token: Option<&str>) -> Result<Self, ClientError> {
        Self::with_options(base_url, token, ClientOptions::default())
    }

    pub fn with_options(base_url: &str, token: Option<&str>, options: ClientOptions) -> Result<Self, ClientError> {
        // With the slash, `join` keeps a path prefix.
        let base = Url::parse(&format!("{}/", base_url.trim_end_matches('/')))
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| ClientError::protocol(format!("`{base_url}` is not an http or https address")))?;
        let graphql = base.join("graphql").map_err(|error| ClientError::protocol(error.to_string()))?;
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("nunatak-client/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(5));
        // The proxy that the environment names for the world cannot reach this machine's own loopback.
        if matches!(base.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")) {
            http = http.no_proxy();
        }
        let shared = Shared { http: http.build()?, base, graphql, options };
        Ok(Self { shared: Arc::new(shared), token: token.map(Into::into) })
    }

    /// The same client with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { shared: Arc::clone(&self.shared), token: Some(token.into()) }
    }

    pub fn base_url(&self) -> &str {
        self.shared.base.as_str()
    }

    /// Sends the operation `Q`. A mutation's `userErrors` become [`ClientError::UserErrors`].
    ///
    /// When the server cannot be reached, the call is sent again with growing waits if that does no harm: queries,
    /// mutations with an idempotency key, and those listed in `repeat.rs`.
    pub async fn query<Q: GraphQLQuery>(&self, variables: Q::Variables) -> Result<Q::ResponseData, ClientError> {
        self.query_within::<Q>(variables, self.shared.options.timeout).await
    }

    /// [`query`](Self::query) with another time limit, for calls that wait on the server.
    pub async fn query_within<Q: GraphQLQuery>(
        &self,
        variables: Q::Variables,
        timeout: Duration,
    ) -> Result<Q::ResponseData, ClientError> {
        let body = Q::build_query(variables);
        let variables =
            serde_json::to_value(&body.variables).map_err(|error| ClientError::protocol(error.to_string()))?;
        let document = only(body.query, body.operation_name);
        let repeatable = is_repeatable(body.operation_name, &document, &variables);
        let call = json!({ "operationName": body.operation_name, "query": document, "variables": variables });

        let mut backoff = self.backoff();
        for _ in 0..self.shared.options.retries {
            match self.ask(&call, timeout).await {
                Ok(answer) => return answer,
                Err(failure) if failure.nothing_sent || repeatable => {
                    let wait = backoff.next_delay();
                    tracing::debug!(
                        graphql.operation = body.operation_name, retry.wait_ms = wait.as_millis() as u64,
                        error = %failure.error, "the server did not answer"
                    );
                    tokio::time::sleep(wait).await;
                }
                Err(failure) => return Err(failure.error),
            }
        }
        self.ask(&call, timeout).await.map_err(|failure| failure.error)?
    }

    /// One try. A server that says that it cannot answer now has not.
    async fn ask<T: DeserializeOwned>(
        &self,
        call: &Value,
        timeout: Duration,
    ) -> Result<Result<T, ClientError>, Unanswered> {
        let (status, body) = self.post(call, timeout).await?;
        match response::read(status, &body) {
            Err(error @ ClientError::Unreachable { .. }) => Err(Unanswered { error, nothing_sent: false }),
            answer => Ok(answer),
        }
    }

    async fn post(&self, call: &Value, timeout: Duration) -> Result<(StatusCode, Bytes), Unanswered> {
        let request = self.shared.http.post(self.shared.graphql.clone()).timeout(timeout).json(call);
        let response = self.authorize(request, &self.shared.graphql).send().await.map_err(Unanswered::from)?;
        let status = response.status();
        if is_absent(status) {
            return Err(Unanswered { error: absent(status), nothing_sent: false });
        }
        Ok((status, response.bytes().await.map_err(Unanswered::from)?))
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.shared.http
    }

    pub(crate) fn options(&self) -> &ClientOptions {
        &self.shared.options
    }

    pub(crate) fn backoff(&self) -> Backoff {
        Backoff::new(self.shared.options.backoff_initial, self.shared.options.backoff_max)
    }

    /// The absolute form of an address from the API, which may be relative to the server.
    pub(crate) fn resolve(&self, url: &str) -> Result<Url, ClientError> {
        self.shared.base.join(url).map_err(|_| ClientError::protocol("the server gave an address that is none"))
    }

    /// Adds the token, but never for another host: a pre-signed address of a file store must not learn it.
    pub(crate) fn authorize(&self, request: RequestBuilder, url: &Url) -> RequestBuilder {
        match &self.token {
            Some(token) if url.origin() == self.shared.base.origin() => request.bearer_auth(token),
            _ => request,
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = self.shared.base.as_str();
        f.debug_struct("Client").field("base_url", &base).field("has_token", &self.token.is_some()).finish()
    }
}

/// A call whose fate is unknown, unless `nothing_sent`.
struct Unanswered {
    error: ClientError,
    nothing_sent: bool,
}

impl From<reqwest::Error> for Unanswered {
    fn from(error: reqwest::Error) -> Self {
        Self { nothing_sent: error.is_connect(), error: error.into() }
    }
}

/// Whether a proxy, or a server that is starting or stopping, says that nobody is there.
pub(crate) fn is_absent(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT)
}

pub(crate) fn absent(status: StatusCode) -> ClientError {
    ClientError::Unreachable { message: format!("HTTP {}", status.as_u16()) }
}
