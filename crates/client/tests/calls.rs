//! Which calls are sent again when their connection breaks after they were sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nunatak_client::{Client, ClientError, ClientOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const HEARTBEAT: &str = r#"{"data":{"heartbeat":{"cancelRequested":true,"leaseExpiresAt":null,"userErrors":[]}}}"#;

/// A server that breaks the first `broken` connections once the request has arrived and then answers with `HEARTBEAT`;
/// and how many requests it has seen.
async fn breaking(broken: usize) -> (Client, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = [0; 16 * 1024];
            assert!(connection.read(&mut request).await.unwrap() > 0);
            if count.fetch_add(1, Ordering::Relaxed) >= broken {
                let head =
                    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", HEARTBEAT.len());
                connection.write_all((head + HEARTBEAT).as_bytes()).await.unwrap();
            }
        }
    });
    let options = ClientOptions { retries: 3, backoff_initial: Duration::from_millis(1), ..Default::default() };
    (Client::with_options(&url, Some("secret"), options).unwrap(), seen)
}

#[tokio::test]
async fn a_heartbeat_is_sent_until_it_is_answered() {
    let (client, seen) = breaking(2).await;
    assert!(client.heartbeat("job_1", 1, Duration::ZERO).await.unwrap().cancel_requested);
    assert_eq!(seen.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn patience_ends() {
    let (client, seen) = breaking(usize::MAX).await;
    assert!(matches!(client.heartbeat("job_1", 1, Duration::ZERO).await, Err(ClientError::Unreachable { .. })));
    assert_eq!(seen.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn a_claim_is_never_sent_twice() {
    let (client, seen) = breaking(usize::MAX).await;
    let claim = client.claim_job("rnr_1", Duration::from_secs(1)).await;
    assert!(matches!(claim, Err(ClientError::Unreachable { .. })));
    assert_eq!(seen.load(Ordering::Relaxed), 1);
}

#[test]
fn a_client_keeps_its_token_to_itself() {
    let client = Client::new("https://nunatak.example.org/base/", Some("secret")).unwrap();
    assert_eq!(format!("{client:?}"), r#"Client { base_url: "https://nunatak.example.org/base/", has_token: true }"#);
    assert!(matches!(Client::new("nunatak.example.org", None), Err(ClientError::Protocol { .. })));
}
