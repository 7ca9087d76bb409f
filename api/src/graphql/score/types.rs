use async_graphql::{ComplexObject, Context, ID, SimpleObject};
use nunatak_domain::VersionId;

use super::super::{
    context::ContextExt,
    error::ApiError,
    payload::payload,
    plain::{Json, Plain, PlainList, Wanted},
    prediction::{Reason, Score},
    scalars::Int64,
    version::Version,
};
use crate::scoring::Answer;

/// Rows scored at once; nothing of them is kept.
#[derive(SimpleObject, Debug)]
#[graphql(complex)]
pub struct ScoredRows {
    #[graphql(skip)]
    version: VersionId,
    /// The version that scored, `ver_…`: of an alias, the one that it pointed at.
    version_id: ID,
    /// A row is an anomaly when its score is greater.
    threshold: f64,
    /// One for each row, in their order.
    scores: PlainList<Score>,
}

/// Rows scored at once; nothing of them is kept.
#[ComplexObject]
impl ScoredRows {
    /// The version that scored, with all that is known of it. `versionId` costs less.
    async fn version(&self, ctx: &Context<'_>) -> Result<Option<Version>, ApiError> {
        Ok(ctx.load(self.version).await?.map(Version::from))
    }
}

payload! {
    /// What `score` answers.
    ScorePayload {
        /// The scores.
        result: ScoredRows
    }
}

impl ScoredRows {
    pub(super) fn new(version: VersionId, answer: Answer) -> Self {
        let mut scores: Vec<Score> = answer
            .scores
            .iter()
            .enumerate()
            .map(|(row, &score)| Score {
                row_index: Int64(i64::try_from(row).unwrap_or(i64::MAX)),
                score,
                label: i32::from(score > answer.threshold),
                reasons: Vec::new(),
            })
            .collect();
        for explained in answer.reasons {
            let because = explained.because.into_iter().map(|(column, share)| Reason { column, share });
            if let Some(score) = scores.get_mut(explained.row).filter(|score| score.label == 1) {
                score.reasons = because.collect();
            }
        }
        Self { version, version_id: version.to_string().into(), threshold: answer.threshold, scores: PlainList(scores) }
    }
}

impl Plain for Score {
    type Record = Self;

    fn record(&self) -> &Self {
        self
    }

    fn write(record: &Self, field: &Wanted<'_>, out: &mut Json<'_>) -> Option<()> {
        match field.name {
            "rowIndex" => out.any(&record.row_index.0),
            "score" => out.float(record.score),
            "label" => out.any(&record.label),
            "reasons" => out.list::<Reason>(record.reasons.iter(), &field.fields),
            _ => None,
        }
    }
}

impl Plain for Reason {
    type Record = Self;

    fn record(&self) -> &Self {
        self
    }

    fn write(record: &Self, field: &Wanted<'_>, out: &mut Json<'_>) -> Option<()> {
        match field.name {
            "column" => out.any(&record.column),
            "share" => out.float(record.share),
            _ => None,
        }
    }
}
