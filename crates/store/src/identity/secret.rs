//! Passwords (argon2id) and random secrets (kept as their SHA-256 only).

use std::sync::LazyLock;

use argon2::{
    Argon2, PasswordHash, PasswordHasher, PasswordVerifier,
    password_hash::{SaltString, rand_core::OsRng},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::RngCore;
use sha2::{Digest, Sha256};

use crate::StoreError;

/// Verified against when the login is unknown, so that the answer takes as long as for a known one.
static DUMMY: LazyLock<Option<String>> = LazyLock::new(|| hash_now("no such user").ok());

fn hash_now(password: &str) -> Result<String, StoreError> {
    let salt = SaltString::generate(&mut OsRng);
    Argon2::default()
        .hash_password(password.as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|error| StoreError::Corrupt(format!("password hash: {error}")))
}

/// Hashes on a blocking thread: it takes tens of milliseconds by design.
pub(super) async fn hash_password(password: String) -> Result<String, StoreError> {
    blocking(move || hash_now(&password)).await?
}

/// Whether `password` is the one behind `hash`; without a hash, takes as long and says no.
pub(super) async fn verify_password(password: String, hash: Option<String>) -> Result<bool, StoreError> {
    blocking(move || {
        let known = hash.is_some();
        let Some(hash) = hash.or_else(|| DUMMY.clone()) else { return false };
        let parsed = PasswordHash::new(&hash);
        let matches =
            parsed.is_ok_and(|parsed| Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok());
        matches && known
    })
    .await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| StoreError::Corrupt(format!("blocking task: {error}")))
}

/// 32 random bytes as URL-safe text after a prefix that tells people and scanners what leaked.
pub(super) fn random_secret(prefix: &str) -> String {
    let mut bytes = [0_u8; 32];
    rand::rngs::OsRng.fill_bytes(&mut bytes);
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// What is kept of a secret: with 256 random bits, a fast hash is enough.
pub(super) fn digest(secret: &str) -> String {
    hex::encode(Sha256::digest(secret))
}
