//! Settings of the server: defaults < `nunatak.toml` < `NUNATAK_*` variables < flags.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use clap::Args;
use figment::{
    Figment,
    providers::{Env, Format, Serialized, Toml},
};
use nunatak_api::{Documents, Trust};
use serde::{Deserialize, Serialize};

/// What a server may be told. Each field is a key of `nunatak.toml` and a
/// `NUNATAK_<FIELD>` variable; those that are set by hand are flags, too.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub host: String,
    pub port: u16,
    /// Files, the SQLite database (unless `database_url` says otherwise) and the signing secret.
    pub data_dir: PathBuf,
    pub database_url: Option<String>,
    pub max_connections: u32,
    /// Run jobs in the server's own process.
    pub runner_embedded: bool,
    /// Jobs that the embedded runner works on at once.
    pub runner_concurrency: usize,
    /// Bytes of models that it keeps in memory to score rows at once.
    pub model_cache_bytes: u64,
    pub lease_seconds: u64,
    /// How often files that nothing refers to are removed; 0 never does.
    pub gc_interval_minutes: u64,
    /// How long a file may lie there before that.
    pub gc_grace_hours: u64,
    /// Signs access tokens; the same on every replica. Made and kept in `data_dir` unless set.
    pub secret: Option<String>,
    pub allowed_origins: Vec<String>,
    /// A statement that takes at least this long is logged with the database's plan; 0 logs none.
    pub slow_query_ms: u64,
    /// Where `GET /metrics` is answered, `127.0.0.1:9464`; nowhere unless set.
    pub metrics_address: Option<String>,
    pub trusted_documents: TrustMode,
    /// JSON: the documents by the SHA-256 of their text.
    pub trusted_documents_file: Option<PathBuf>,
}

/// Which GraphQL documents run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TrustMode {
    /// All; there is no list of them.
    Off,
    /// All; those of the list by their id, too.
    Known,
    /// Those of the list.
    Only,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".into(),
            port: 8080,
            data_dir: "nunatak-data".into(),
            database_url: None,
            max_connections: 16,
            runner_embedded: true,
            runner_concurrency: 1,
            model_cache_bytes: 1 << 30,
            lease_seconds: 30,
            gc_interval_minutes: 60,
            gc_grace_hours: 24,
            secret: None,
            allowed_origins: Vec::new(),
            slow_query_ms: 200,
            metrics_address: None,
            trusted_documents: TrustMode::Off,
            trusted_documents_file: None,
        }
    }
}

/// The flags that set the same.
#[derive(Args, Debug, Clone, Default, Serialize)]
pub(crate) struct SettingFlags {
    /// A settings file [default: nunatak.toml, where there is one].
    #[arg(long)]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// The address to listen on [default: 127.0.0.1].
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The port to listen on; 0 takes a free one [default: 8080].
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Where files, the SQLite database and the signing secret are kept [default: nunatak-data].
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// `postgres://user:password@host/database` [default: an SQLite file in the data directory].
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_url: Option<String>,
    /// Whether to run jobs in the server's own process [default: true].
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runner_embedded: Option<bool>,
    /// Jobs that the embedded runner works on at once [default: 1].
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runner_concurrency: Option<usize>,
    /// Bytes of models that the embedded runner keeps in memory to score rows at once [default: 1 GiB].
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_cache_bytes: Option<u64>,
    /// Seconds without a heartbeat after which a job goes to another runner [default: 30].
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease_seconds: Option<u64>,
    /// Milliseconds from which a statement is logged with the database's plan; 0 logs none [default: 200].
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow_query_ms: Option<u64>,
    /// The address of `GET /metrics`, such as 127.0.0.1:9464; it needs no token [default: none].
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_address: Option<String>,
}

/// Variables that other commands or the logging read; not settings of the server.
const OTHER_VARIABLES: [&str; 12] = [
    "log",
    "log_format",
    "server_url",
    "token",
    "test_database",
    "skip_web",
    "admin_password",
    "update",
    "url",
    "reference_dir",
    "filter_cases",
    "max_dataset_bytes",
];

impl Settings {
    /// # Errors
    /// Names the source and the key that is wrong or unknown.
    pub(crate) fn load(flags: &SettingFlags) -> anyhow::Result<Self> {
        let file = flags.config.clone().unwrap_or_else(|| "nunatak.toml".into());
        anyhow::ensure!(flags.config.is_none() || file.is_file(), "there is no settings file {}", file.display());
        Figment::from(Serialized::defaults(Self::default()))
            .merge(Toml::file(file))
            .merge(Env::prefixed("NUNATAK_").ignore(&OTHER_VARIABLES))
            .merge(Serialized::defaults(flags))
            .extract()
            .context("the settings do not hold")
    }

    pub(crate) fn database_url(&self) -> String {
        self.database_url
            .clone()
            .unwrap_or_else(|| format!("sqlite://{}?mode=rwc", self.data_dir.join("nunatak.db").display()))
    }

    /// What is trusted, read and parsed.
    ///
    /// # Errors
    /// When there should be documents and the file does not hold them.
    pub(crate) fn trust(&self) -> anyhow::Result<Trust> {
        let documents = || -> anyhow::Result<Arc<Documents>> {
            let path = self.trusted_documents_file.as_ref();
            let path = path.context("trusted_documents needs trusted_documents_file, the list of them")?;
            let manifest = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            let documents = Documents::read(&manifest).with_context(|| format!("{} does not hold", path.display()))?;
            Ok(Arc::new(documents))
        };
        Ok(match self.trusted_documents {
            TrustMode::Off => Trust::Off,
            TrustMode::Known => Trust::Known(documents()?),
            TrustMode::Only => Trust::Only(documents()?),
        })
    }

    /// The signing secret: given, or made once and kept where only its owner reads it.
    ///
    /// # Errors
    /// When the file cannot be read or written, or a given secret is too short.
    pub(crate) fn signing_secret(&self) -> anyhow::Result<Vec<u8>> {
        if let Some(secret) = &self.secret {
            anyhow::ensure!(
                secret.len() >= 32,
                "NUNATAK_SECRET has fewer than 32 bytes: make one with `openssl rand -hex 32`"
            );
            return Ok(secret.clone().into_bytes());
        }
        let path = self.data_dir.join("secret.key");
        if let Ok(secret) = std::fs::read(&path)
            && secret.len() >= 32
        {
            return Ok(secret);
        }
        let mut secret = vec![0_u8; 64];
        rand::RngCore::fill_bytes(&mut rand::rngs::OsRng, &mut secret);
        write_private(&path, &secret)
            .with_context(|| format!("cannot keep the signing secret in {}", path.display()))?;
        Ok(secret)
    }
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)
}
