//! Reads, scoped: people see the datasets of their projects, a job's token the one version that it works on.

use std::collections::HashMap;

use nunatak_authz::{Action, Actor};
use nunatak_domain::{DatasetId, DatasetVersionId, Page, PageRequest, ProjectId};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, FromQueryResult, QueryFilter, QuerySelect, QueryTrait,
    entity::prelude::Uuid,
    sea_query::{Expr, ExprTrait},
};

use super::{DatasetRecord, DatasetVersionRecord};
use crate::{
    Store, StoreError,
    entities::{dataset_versions as versions, datasets, jobs},
    files::named_by_job,
    paging::page_by_id,
    scope,
};

impl Store {
    /// # Errors
    /// `NotFound`, database.
    pub async fn dataset(&self, actor: &Actor, id: DatasetId) -> Result<DatasetRecord, StoreError> {
        let select = datasets::Entity::find_by_id(id.0).filter(visible(self, actor));
        let row = select.one(self.0.db.read()).await?.ok_or(StoreError::NotFound("dataset"))?;
        Ok(row.into())
    }

    /// Those of `ids` that the actor may see.
    ///
    /// # Errors
    /// Database.
    pub async fn datasets_by_ids(
        &self,
        actor: &Actor,
        ids: &[DatasetId],
    ) -> Result<HashMap<DatasetId, DatasetRecord>, StoreError> {
        let ids = ids.iter().map(|id| id.0);
        let select = datasets::Entity::find().filter(datasets::Column::Id.is_in(ids)).filter(visible(self, actor));
        Ok(select.all(self.0.db.read()).await?.into_iter().map(|row| (row.id.into(), row.into())).collect())
    }

    /// The datasets of a project, or of all that the actor may see, newest first.
    ///
    /// # Errors
    /// `INVALID_CURSOR`, database.
    pub async fn datasets(
        &self,
        actor: &Actor,
        project: Option<ProjectId>,
        page: &PageRequest,
    ) -> Result<Page<DatasetRecord>, StoreError> {
        let mut select = datasets::Entity::find().filter(visible(self, actor));
        if let Some(project) = project {
            select = select.filter(datasets::Column::ProjectId.eq(project.0));
        }
        let page = page_by_id(self.0.db.read(), select, datasets::Column::Id, "datasets", page, |row| row.id).await?;
        Ok(page.map(DatasetRecord::from))
    }

    /// # Errors
    /// `NotFound`, database.
    pub async fn dataset_version(
        &self,
        actor: &Actor,
        id: DatasetVersionId,
    ) -> Result<DatasetVersionRecord, StoreError> {
        let select = versions::Entity::find_by_id(id.0).filter(versions_visible(self, actor));
        select.one(self.0.db.read()).await?.ok_or(StoreError::NotFound("dataset version"))?.try_into()
    }

    /// Those of `ids` that the actor may see.
    ///
    /// # Errors
    /// Database.
    pub async fn dataset_versions_by_ids(
        &self,
        actor: &Actor,
        ids: &[DatasetVersionId],
    ) -> Result<HashMap<DatasetVersionId, DatasetVersionRecord>, StoreError> {
        let ids = ids.iter().map(|id| id.0);
        let select = versions::Entity::find().filter(versions::Column::Id.is_in(ids));
        let rows = select.filter(versions_visible(self, actor)).all(self.0.db.read()).await?;
        rows.into_iter().map(|row| Ok((row.id.into(), row.try_into()?))).collect()
    }

    /// The versions of a dataset, newest first.
    ///
    /// # Errors
    /// `INVALID_CURSOR`, database.
    pub async fn dataset_versions(
        &self,
        actor: &Actor,
        dataset: DatasetId,
        page: &PageRequest,
    ) -> Result<Page<DatasetVersionRecord>, StoreError> {
        let select = versions::Entity::find()
            .filter(versions::Column::DatasetId.eq(dataset.0))
            .filter(versions_visible(self, actor));
        let list = "dataset-versions";
        let page = page_by_id(self.0.db.read(), select, versions::Column::Id, list, page, |row| row.id).await?;
        let Page { items, has_previous, has_next } = page;
        let items = items.into_iter().map(|(cursor, row)| Ok((cursor, row.try_into()?)));
        Ok(Page { items: items.collect::<Result<_, StoreError>>()?, has_previous, has_next })
    }

    /// One version of a dataset by its number.
    ///
    /// # Errors
    /// `NotFound`, database.
    pub async fn dataset_version_by_number(
        &self,
        actor: &Actor,
        dataset: DatasetId,
        number: i64,
    ) -> Result<DatasetVersionRecord, StoreError> {
        let mut found = self.dataset_versions_by_numbers(actor, &[(dataset, number)]).await?;
        found.remove(&(dataset, number)).ok_or(StoreError::NotFound("dataset version"))
    }

    /// Those of the numbered versions that the actor may see.
    ///
    /// # Errors
    /// Database.
    pub async fn dataset_versions_by_numbers(
        &self,
        actor: &Actor,
        numbers: &[(DatasetId, i64)],
    ) -> Result<HashMap<(DatasetId, i64), DatasetVersionRecord>, StoreError> {
        let select = versions::Entity::find().filter(numbered(numbers.iter().map(|(id, number)| (id.0, *number))));
        let rows = select.filter(versions_visible(self, actor)).all(self.0.db.read()).await?;
        rows.into_iter().map(|row| Ok(((row.dataset_id.into(), row.number), row.try_into()?))).collect()
    }

    /// The version with the highest number of each dataset.
    ///
    /// # Errors
    /// Database.
    pub async fn latest_dataset_versions(
        &self,
        actor: &Actor,
        ids: &[DatasetId],
    ) -> Result<HashMap<DatasetId, DatasetVersionRecord>, StoreError> {
        #[derive(FromQueryResult)]
        struct Latest {
            dataset_id: Uuid,
            number: i64,
        }
        let ids = || ids.iter().map(|id| id.0);
        let latest: Vec<Latest> = versions::Entity::find()
            .select_only()
            .column(versions::Column::DatasetId)
            .column_as(versions::Column::Number.max(), "number")
            .filter(versions::Column::DatasetId.is_in(ids()))
            .filter(versions_visible(self, actor))
            .group_by(versions::Column::DatasetId)
            .into_model()
            .all(self.0.db.read())
            .await?;
        let each = numbered(latest.into_iter().map(|latest| (latest.dataset_id, latest.number)));
        let rows = versions::Entity::find().filter(each).all(self.0.db.read()).await?;
        rows.into_iter().map(|row| Ok((row.dataset_id.into(), row.try_into()?))).collect()
    }
}

/// The versions with these numbers of these datasets; none where the list is empty.
fn numbered(numbers: impl Iterator<Item = (Uuid, i64)>) -> Condition {
    numbers.fold(Condition::any().add(Expr::cust("1 = 0")), |any, (dataset, number)| {
        any.add(versions::Column::DatasetId.eq(dataset).and(versions::Column::Number.eq(number)))
    })
}

/// Datasets that the actor may see.
fn visible(store: &Store, actor: &Actor) -> Condition {
    let mut seen = in_reach(store, actor);
    if let Some(named) = named_by_job(actor, jobs::Column::DatasetVersionId) {
        let its = versions::Entity::find()
            .select_only()
            .column(versions::Column::DatasetId)
            .filter(versions::Column::Id.in_subquery(named));
        seen = seen.add(datasets::Column::Id.in_subquery(its.into_query()));
    }
    seen
}

/// Versions of datasets that the actor may see; for a job only the one that it works on.
fn versions_visible(store: &Store, actor: &Actor) -> Condition {
    let datasets = datasets::Entity::find().select_only().column(datasets::Column::Id).filter(in_reach(store, actor));
    let mut seen = Condition::all().add(versions::Column::DatasetId.in_subquery(datasets.into_query()));
    if let Some(named) = named_by_job(actor, jobs::Column::DatasetVersionId) {
        seen = seen.add(versions::Column::Id.in_subquery(named));
    }
    seen
}

fn in_reach(store: &Store, actor: &Actor) -> Condition {
    let reach = store.authorizer().reach(actor, Action::ReadDatasets);
    Condition::all()
        .add(datasets::Column::DeletedAt.is_null())
        .add(scope::project_ids(datasets::Column::ProjectId, reach))
}
