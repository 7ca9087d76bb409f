use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "promotions")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) project_id: Uuid,
    pub(crate) model_id: Uuid,
    pub(crate) alias: String,
    pub(crate) metric: String,
    pub(crate) direction: i16,
    pub(crate) min_improvement: f64,
    pub(crate) dataset_version_id: Uuid,
    pub(crate) evaluated: bool,
    pub(crate) candidate_row: i64,
    pub(crate) incumbent_row: Option<i64>,
    pub(crate) candidate_job: Option<Uuid>,
    pub(crate) incumbent_job: Option<Uuid>,
    pub(crate) candidate_value: Option<f64>,
    pub(crate) incumbent_value: Option<f64>,
    pub(crate) state: i16,
    pub(crate) reason: String,
    pub(crate) rounds: i32,
    pub(crate) schedule_id: Option<Uuid>,
    pub(crate) owner_id: Uuid,
    pub(crate) created_at: i64,
    pub(crate) decided_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
