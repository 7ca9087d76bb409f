use std::collections::HashMap;

use nunatak_authz::{Action, Actor};
use nunatak_domain::{Page, PageRequest, PromotionId};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, QueryTrait};

use super::PromotionRecord;
use crate::{
    Store, StoreError,
    entities::{promotions, versions},
    jobs::try_page,
    paging::page_by_id,
    scope,
    versions::VersionRecord,
};

/// Holds for comparisons in the actor's projects, of versions that it sees: the values are theirs.
fn visible(store: &Store, actor: &Actor) -> Condition {
    let reach = store.authorizer().reach(actor, Action::ReadJobs);
    let seen = versions::Entity::find()
        .select_only()
        .column(versions::Column::RowId)
        .filter(scope::versions_visible(store, actor));
    Condition::all()
        .add(scope::project_ids(promotions::Column::ProjectId, reach))
        .add(promotions::Column::CandidateRow.in_subquery(seen.into_query()))
}

impl Store {
    /// Those of `ids` that the actor may see.
    ///
    /// # Errors
    /// Database.
    pub async fn promotions_by_ids(
        &self,
        actor: &Actor,
        ids: &[PromotionId],
    ) -> Result<HashMap<PromotionId, PromotionRecord>, StoreError> {
        let ids = promotions::Column::Id.is_in(ids.iter().map(|id| id.0));
        let rows = promotions::Entity::find().filter(ids).filter(visible(self, actor)).all(self.0.db.read()).await?;
        rows.into_iter().map(|row| Ok((row.id.into(), row.try_into()?))).collect()
    }

    /// The comparisons in which this version was the new one, newest first.
    ///
    /// # Errors
    /// `INVALID_CURSOR`, database.
    pub async fn promotion_page(
        &self,
        actor: &Actor,
        version: &VersionRecord,
        page: &PageRequest,
    ) -> Result<Page<PromotionRecord>, StoreError> {
        let select = promotions::Entity::find()
            .filter(visible(self, actor))
            .filter(promotions::Column::CandidateRow.eq(version.row));
        let (list, column) = (format!("promotions-{}", version.id), promotions::Column::Id);
        let page = page_by_id(self.0.db.read(), select, column, &list, page, |row| row.id).await?;
        try_page(page, PromotionRecord::try_from)
    }
}
