use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "runners")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) user_id: Uuid,
    pub(crate) labels: String,
    pub(crate) registered_at: i64,
    pub(crate) last_seen_at: i64,
    pub(crate) capacity: i32,
    pub(crate) draining: bool,
    /// When it last registered: what it claimed before is not its any more.
    pub(crate) started_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
