//! The runners that score at once.

use std::collections::HashMap;

use nunatak_domain::RunnerId;
use sea_orm::{ConnectionTrait, entity::prelude::Uuid};

use crate::{Store, StoreError, db, runners::ScoringOffer};

/// A runner that scores rows at once, as the server calls it. For the server only: it holds the runner's secret.
#[derive(Debug, Clone)]
pub struct ScoringRunner {
    pub id: RunnerId,
    pub name: String,
    pub offer: ScoringOffer,
    /// Names and versions of its detectors.
    pub detectors: HashMap<String, String>,
}

/// More are not asked: one of them serves thousands of requests a second.
const MOST: u64 = 200;
/// A waiting runner is heard of every 30 s, whatever the lease is. Who ends without a word is found by calling it.
const SILENT_MICROS: i64 = 90_000_000;

impl Store {
    /// All runners that score at once and have been heard of lately, the longest known first. Only those of accounts that
    /// (still) may have the server call an address count: administrators'.
    ///
    /// # Errors
    /// Database.
    pub async fn scoring_runners(&self) -> Result<Vec<ScoringRunner>, StoreError> {
        let db = self.0.db.read();
        let text = format!(
            "SELECT r.id, r.name, r.scoring_url, r.scoring_secret, d.name AS detector, d.version AS version \
             FROM (SELECT s.* FROM runners s JOIN users u ON u.id = s.user_id \
             WHERE s.scoring_url IS NOT NULL AND s.last_seen_at > $1 AND NOT s.draining AND u.is_admin AND u.disabled_at IS NULL \
             ORDER BY s.id LIMIT {MOST}) r \
             JOIN runner_detectors o ON o.runner_id = r.id JOIN detectors d ON d.id = o.detector_id ORDER BY r.id"
        );
        let since = self.now().micros() - SILENT_MICROS;
        let mut found: Vec<ScoringRunner> = Vec::new();
        for row in db.query_all_raw(db::sql(db, &text, vec![since.into()])).await? {
            let id = RunnerId(row.try_get::<Uuid>("", "id")?);
            if found.last().is_none_or(|last| last.id != id) {
                let secret: Option<String> = row.try_get("", "scoring_secret")?;
                let offer = ScoringOffer { url: row.try_get("", "scoring_url")?, secret: secret.unwrap_or_default() };
                found.push(ScoringRunner { id, name: row.try_get("", "name")?, offer, detectors: HashMap::new() });
            }
            if let Some(runner) = found.last_mut() {
                runner.detectors.insert(row.try_get("", "detector")?, row.try_get("", "version")?);
            }
        }
        Ok(found)
    }
}
