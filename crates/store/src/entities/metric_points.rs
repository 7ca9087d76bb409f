use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "metric_points")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) version_row: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) key_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) step: i64,
    pub(crate) at: i64,
    pub(crate) value: Option<f64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
