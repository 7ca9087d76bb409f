//! `nunatak health`: for container health checks, which have no curl.

use clap::Args;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

#[derive(Args, Debug)]
pub(crate) struct HealthArgs {
    /// The server to ask.
    #[arg(long, env = "NUNATAK_SERVER_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
}

pub(crate) async fn run(args: HealthArgs) -> anyhow::Result<()> {
    let host = args.url.strip_prefix("http://").unwrap_or(&args.url).trim_end_matches('/');
    let ask = async {
        let mut stream = TcpStream::connect(host).await?;
        let request = format!("GET /ready HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        anyhow::Ok(answer)
    };
    let answer = tokio::time::timeout(std::time::Duration::from_secs(5), ask).await??;
    let status = answer.split(' ').nth(1).unwrap_or_default();
    anyhow::ensure!(status == "200", "{} is not ready: HTTP {status}", args.url);
    println!("ready");
    Ok(())
}
