//! The best of each detector or model on a data set.

use async_graphql::{Context, Enum, ID, InputObject, Object};
use nunatak_domain::{Key, PageRequest, Problem};
use nunatak_store::leaderboard::{GroupBy, LeaderboardQuery as Query, LeaderboardRecord};

use super::{
    context::{ContextExt, parse_id, parse_optional_id},
    error::ApiError,
    metric::MetricDirection,
    version::{Version, VersionRow},
};

/// Of what the best version is shown.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaderboardGroup {
    /// Of each detector, whatever its version.
    Detector,
    /// Of each model.
    Model,
    /// Each version by itself.
    Version,
}

impl From<LeaderboardGroup> for GroupBy {
    fn from(group: LeaderboardGroup) -> Self {
        match group {
            LeaderboardGroup::Detector => Self::Detector,
            LeaderboardGroup::Model => Self::Model,
            LeaderboardGroup::Version => Self::Version,
        }
    }
}

/// A metric, and which end of it is good.
#[derive(InputObject, Debug)]
pub struct LeaderboardMetricInput {
    /// Its name, `roc_auc`. The last value of each version counts.
    key: String,
    /// What the project declares, else MAXIMIZE, unless given.
    direction: Option<MetricDirection>,
}

/// The best version of a detector or model.
#[derive(Debug)]
pub struct LeaderboardEntry(LeaderboardRecord);

/// The best version of a detector or model.
#[Object]
impl LeaderboardEntry {
    /// 1 for the best of all.
    async fn rank(&self) -> i32 {
        i32::try_from(self.0.rank).unwrap_or(i32::MAX)
    }

    /// The last value of the metric.
    async fn score(&self) -> f64 {
        self.0.score
    }

    /// The version.
    async fn version(&self, ctx: &Context<'_>) -> Result<Option<Version>, ApiError> {
        Ok(ctx.load(VersionRow(self.0.version_row)).await?.map(Version::from))
    }

    /// Of how many versions of its group it is the best.
    async fn versions(&self) -> i32 {
        i32::try_from(self.0.versions).unwrap_or(i32::MAX)
    }
}

#[derive(Default, Debug)]
pub struct LeaderboardQuery;

#[Object]
impl LeaderboardQuery {
    /// Which detector, or which model, is the best on a data set: among all versions that you may see, were trained on
    /// that dataset version and have the metric, whatever they were trained by. The best first.
    #[graphql(complexity = "first.unsigned_abs().min(100) as usize * child_complexity + 1")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn leaderboard(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The project, `prj_…`.")] project: ID,
        #[graphql(desc = "The dataset version, `dsv_…`.")] dataset: ID,
        #[graphql(desc = "By what to compare.")] metric: LeaderboardMetricInput,
        #[graphql(desc = "Only versions of this model, `mdl_…`.")] model: Option<ID>,
        #[graphql(desc = "Of what to show the best.", default_with = "LeaderboardGroup::Detector")]
        group_by: LeaderboardGroup,
        #[graphql(desc = "How many, 1 to 100.", default = 20)] first: i32,
    ) -> Result<Vec<LeaderboardEntry>, ApiError> {
        let size = u32::try_from(first).unwrap_or(0);
        if !(1..=PageRequest::MAX.unsigned_abs()).contains(&size) {
            let message = format!("`first` is {first}; a leaderboard has 1 to {} entries", PageRequest::MAX);
            return Err(nunatak_store::StoreError::from(Problem::new("LIMIT_EXCEEDED", message).at("first")).into());
        }
        let key = Key::parse(&metric.key).map_err(|problem| problem.at("key").at("metric"));
        let query = Query {
            project: parse_id(&project, "project")?,
            dataset: parse_id(&dataset, "dataset")?,
            model: parse_optional_id(model.as_ref(), "model")?,
            metric: key.map_err(nunatak_store::StoreError::from)?,
            direction: metric.direction.map(Into::into),
            group_by: group_by.into(),
            first: size,
        };
        let entries = ctx.store().leaderboard(ctx.actor(), &query).await?;
        Ok(entries.into_iter().map(LeaderboardEntry).collect())
    }
}
