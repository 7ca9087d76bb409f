use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "versions")]
pub(crate) struct Model {
    #[sea_orm(primary_key)]
    pub(crate) row_id: i64,
    pub(crate) id: Uuid,
    pub(crate) project_row: i64,
    pub(crate) model_id: Uuid,
    pub(crate) number: i64,
    pub(crate) status: i16,
    pub(crate) visibility: i16,
    pub(crate) description: String,
    pub(crate) detector_name: Option<String>,
    pub(crate) detector_version: Option<String>,
    pub(crate) dataset_version_id: Option<Uuid>,
    pub(crate) dataset_name: Option<String>,
    pub(crate) dataset_description: Option<String>,
    pub(crate) git_branch: Option<String>,
    pub(crate) git_commit: Option<String>,
    pub(crate) git_dirty: Option<bool>,
    pub(crate) git_remotes: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) input_schema: Option<String>,
    pub(crate) artifact_sha256: Option<String>,
    pub(crate) artifact_size: Option<i64>,
    pub(crate) artifact_name: Option<String>,
    pub(crate) artifact_format: Option<String>,
    pub(crate) threshold: Option<f64>,
    pub(crate) job_id: Option<Uuid>,
    pub(crate) parent_row: Option<i64>,
    pub(crate) created_by: Uuid,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
    pub(crate) deleted_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
