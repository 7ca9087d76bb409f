use async_graphql::{Context, ID, Object, OneofObject};
use nunatak_store::{StoreError, schedules::Data};

use super::super::{
    context::{ContextExt, parse_id},
    dataset::{Dataset, DatasetVersion},
    error::ApiError,
};

/// Which rows.
#[derive(OneofObject, Debug, Clone)]
pub enum ScheduleDataInput {
    /// The newest version that this dataset has at that time, `ds_…`.
    Newest(ID),
    /// Always this dataset version, `dsv_…`.
    Version(ID),
}

impl ScheduleDataInput {
    pub(crate) fn parse(&self) -> Result<Data, StoreError> {
        match self {
            Self::Newest(id) => Ok(Data::Newest(parse_id(id, "newest")?)),
            Self::Version(id) => Ok(Data::Version(parse_id(id, "version")?)),
        }
    }
}

/// Which rows: one of the two is set.
#[derive(Debug, Clone)]
pub struct ScheduleData(pub Data);

/// Which rows: one of the two is set.
#[Object]
impl ScheduleData {
    /// The newest version that this dataset has at that time.
    async fn newest(&self, ctx: &Context<'_>) -> Result<Option<Dataset>, ApiError> {
        let Data::Newest(id) = self.0 else { return Ok(None) };
        Ok(ctx.load(id).await?.map(Dataset::from))
    }

    /// Always this dataset version.
    async fn version(&self, ctx: &Context<'_>) -> Result<Option<DatasetVersion>, ApiError> {
        let Data::Version(id) = self.0 else { return Ok(None) };
        Ok(ctx.load(id).await?.map(DatasetVersion::from))
    }
}
