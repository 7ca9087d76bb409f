//! The open port, and what the server is told of it.

use std::fmt;
use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use poem::listener::{Acceptor, Listener, TcpAcceptor, TcpListener};

use crate::ScoringOptions;

/// What the server needs to call.
#[derive(Clone)]
pub(crate) struct Offer {
    pub(crate) url: String,
    pub(crate) secret: String,
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offer").field("url", &self.url).finish_non_exhaustive()
    }
}

pub(crate) struct Door {
    pub(super) acceptor: TcpAcceptor,
    pub(crate) offer: Offer,
}

impl Door {
    pub(crate) async fn open(options: &ScoringOptions) -> anyhow::Result<Self> {
        let address = &options.address;
        let acceptor = TcpListener::bind(address.clone()).into_acceptor().await;
        let acceptor = acceptor.with_context(|| format!("cannot listen on {address} to score at once"))?;
        let bound = acceptor.local_addr().first().and_then(|bound| bound.as_socket_addr().copied());
        let bound: SocketAddr = bound.context("the listener for scoring has no TCP address")?;
        let url = match &options.url {
            // The port may have been chosen just now.
            Some(url) => url.replace("{port}", &bound.port().to_string()),
            None if bound.ip().is_unspecified() => bail!(
                "{address} means every address of this machine: say with --scoring-url at which one the server reaches it"
            ),
            None => format!("http://{bound}"),
        };
        Ok(Self { acceptor, offer: Offer { url, secret: options.secret.clone() } })
    }
}
