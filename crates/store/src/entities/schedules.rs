use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "schedules")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) project_id: Uuid,
    pub(crate) name: String,
    pub(crate) state: i16,
    pub(crate) suspended_because: Option<String>,
    pub(crate) task: String,
    pub(crate) trigger_rule: String,
    pub(crate) promote: Option<String>,
    pub(crate) revision: i64,
    pub(crate) next_fire_at: Option<i64>,
    pub(crate) dataset_id: Option<Uuid>,
    pub(crate) seen_number: Option<i64>,
    pub(crate) watches: bool,
    pub(crate) armed: bool,
    pub(crate) watched_row: Option<i64>,
    pub(crate) last_fired_at: Option<i64>,
    pub(crate) owner_id: Uuid,
    pub(crate) created_by: Uuid,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
    pub(crate) deleted_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
