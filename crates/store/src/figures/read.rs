use std::collections::HashMap;

use nunatak_domain::{FigureId, PredictionId};
use sea_orm::{DbErr, QueryResult, entity::prelude::Uuid};
use serde_json::Value;

use crate::{
    Actor, Store, StoreError,
    versions::{read::visible_rows, sql::visible},
};

/// A figure without its document, which may be large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FigureRecord {
    pub id: FigureId,
    pub name: String,
    pub title: String,
}

fn read(row: &QueryResult) -> Result<FigureRecord, DbErr> {
    Ok(FigureRecord {
        id: row.try_get::<Uuid>("", "id")?.into(),
        name: row.try_get("", "name")?,
        title: row.try_get("", "title")?,
    })
}

/// A figure is seen by who sees its version, or the version that its prediction applied.
const OWNER: &str = "COALESCE(f.version_row, (SELECT p.version_row FROM predictions p WHERE p.id = f.prediction_id))";

impl Store {
    /// The figures of some versions, in the order of their publication.
    ///
    /// # Errors
    /// Database.
    pub async fn figures_of(&self, actor: &Actor, rows: &[i64]) -> Result<HashMap<i64, Vec<FigureRecord>>, StoreError> {
        let (visible, binds) = visible_rows(self, actor, rows);
        let text = format!(
            "SELECT f.version_row, f.id, f.name, f.title FROM figures f \
             WHERE f.version_row IN {visible} ORDER BY f.version_row, f.position"
        );
        self.children(&text, binds, "version_row", read).await
    }

    /// The figures of some predictions, in the order of their publication.
    ///
    /// # Errors
    /// Database.
    pub async fn figures_by_predictions(
        &self,
        actor: &Actor,
        predictions: &[PredictionId],
    ) -> Result<HashMap<PredictionId, Vec<FigureRecord>>, StoreError> {
        let (visible, mut binds) = visible(self, actor);
        let ids = binds.list(predictions.iter().map(|id| id.0));
        let text = format!(
            "SELECT f.prediction_id, f.id, f.name, f.title FROM figures f JOIN predictions p ON p.id = f.prediction_id \
             JOIN versions ON versions.row_id = p.version_row \
             WHERE {visible} AND f.prediction_id IN ({ids}) ORDER BY f.prediction_id, f.position"
        );
        let found = self.children::<Uuid, _>(&text, binds, "prediction_id", read).await?;
        Ok(found.into_iter().map(|(id, figures)| (id.into(), figures)).collect())
    }

    /// The Vega-Lite documents of some figures.
    ///
    /// # Errors
    /// Database.
    pub async fn figure_specs(&self, actor: &Actor, ids: &[FigureId]) -> Result<HashMap<FigureId, Value>, StoreError> {
        let (visible, mut binds) = visible(self, actor);
        let ids = binds.list(ids.iter().map(|id| id.0));
        let text = format!(
            "SELECT f.id, f.spec FROM figures f JOIN versions ON versions.row_id = {OWNER} \
             WHERE {visible} AND f.id IN ({ids})"
        );
        let read = |row: &QueryResult| {
            let spec: String = row.try_get("", "spec")?;
            Ok(serde_json::from_str(&spec).unwrap_or(Value::Null))
        };
        let found = self.children::<Uuid, Value>(&text, binds, "id", read).await?;
        Ok(found.into_iter().filter_map(|(id, mut specs)| Some((id.into(), specs.pop()?))).collect())
    }
}
