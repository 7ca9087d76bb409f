use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "sweeps")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) project_id: Uuid,
    pub(crate) name: String,
    pub(crate) status: i16,
    pub(crate) plan: String,
    pub(crate) metric: String,
    pub(crate) direction: i16,
    pub(crate) deadline: Option<i64>,
    pub(crate) ending: Option<i16>,
    pub(crate) end_code: Option<String>,
    pub(crate) end_message: Option<String>,
    pub(crate) promotions: String,
    pub(crate) created_by: Uuid,
    pub(crate) created_at: i64,
    pub(crate) finished_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
