use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "dataset_versions")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) dataset_id: Uuid,
    pub(crate) number: i64,
    pub(crate) sha256: String,
    pub(crate) size: i64,
    pub(crate) format: String,
    pub(crate) row_count: i64,
    pub(crate) columns: String,
    pub(crate) time_column: Option<String>,
    pub(crate) label_column: Option<String>,
    pub(crate) anomaly_count: Option<i64>,
    pub(crate) source_format: Option<String>,
    pub(crate) source_name: Option<String>,
    pub(crate) source_sha256: Option<String>,
    pub(crate) source_size: Option<i64>,
    pub(crate) created_by: Uuid,
    pub(crate) created_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
