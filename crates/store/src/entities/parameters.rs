use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "parameters")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) version_row: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) key_id: i64,
    pub(crate) project_row: i64,
    pub(crate) kind: i16,
    pub(crate) number: Option<f64>,
    pub(crate) text: Option<String>,
    pub(crate) text_head: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
