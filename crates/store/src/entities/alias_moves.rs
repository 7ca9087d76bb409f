use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "alias_moves")]
pub(crate) struct Model {
    #[sea_orm(primary_key)]
    pub(crate) id: i64,
    pub(crate) model_id: Uuid,
    pub(crate) name: String,
    pub(crate) from_version_row: Option<i64>,
    pub(crate) to_version_row: Option<i64>,
    pub(crate) reason: Option<String>,
    pub(crate) moved_by: Uuid,
    pub(crate) moved_at: i64,
    pub(crate) promotion_id: Option<Uuid>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
