use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "predictions")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) project_id: Uuid,
    pub(crate) version_row: i64,
    pub(crate) dataset_version_id: Uuid,
    pub(crate) job_id: Uuid,
    pub(crate) row_count: i64,
    pub(crate) anomaly_count: i64,
    pub(crate) threshold: f64,
    pub(crate) metrics: String,
    pub(crate) sha256: Option<String>,
    pub(crate) size: Option<i64>,
    pub(crate) created_by: Uuid,
    pub(crate) created_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
