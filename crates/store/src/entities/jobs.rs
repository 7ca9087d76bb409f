use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "jobs")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) project_id: Uuid,
    pub(crate) kind: i16,
    pub(crate) status: i16,
    pub(crate) priority: i32,
    pub(crate) detector_name: String,
    pub(crate) detector_version: String,
    pub(crate) hyperparameters: String,
    pub(crate) seed: i64,
    pub(crate) tags: String,
    pub(crate) model_id: Option<Uuid>,
    pub(crate) version_row: Option<i64>,
    pub(crate) dataset_version_id: Uuid,
    pub(crate) attempt: i32,
    pub(crate) max_attempts: i32,
    pub(crate) runner_id: Option<Uuid>,
    pub(crate) lease_expires_at: Option<i64>,
    pub(crate) not_before: i64,
    pub(crate) cancel_requested: bool,
    pub(crate) progress: f64,
    pub(crate) progress_message: Option<String>,
    pub(crate) error_code: Option<String>,
    pub(crate) error_message: Option<String>,
    pub(crate) error_retryable: Option<bool>,
    pub(crate) labels: String,
    pub(crate) claimed_at: Option<i64>,
    pub(crate) sweep_id: Option<Uuid>,
    pub(crate) schedule_id: Option<Uuid>,
    pub(crate) created_by: Uuid,
    pub(crate) created_at: i64,
    pub(crate) started_at: Option<i64>,
    pub(crate) finished_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
