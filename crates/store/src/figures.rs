//! Figures: plots that a version or prediction was published with, as Vega-Lite documents.

mod read;

use nunatak_domain::{FigureId, PredictionId, Problem};
pub use read::FigureRecord;
use sea_orm::{ConnectionTrait, Value};

use crate::{
    Store, StoreError,
    rows::{Rows, insert_all},
    versions::{NewFigure, sql::plain_text},
};

/// What a figure belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Owner {
    Version(i64),
    Prediction(PredictionId),
}

/// Above this a plot should show fewer points, or link to a file.
const MAX_SPEC_BYTES: usize = 2 * 1024 * 1024;

/// Writes figures in the order given.
pub(crate) async fn insert(
    store: &Store,
    db: &impl ConnectionTrait,
    owner: Owner,
    figures: &[NewFigure],
) -> Result<(), StoreError> {
    let mut rows = rows();
    push(&mut rows, store, owner, figures)?;
    Ok(insert_all(db, vec![rows]).await?)
}

pub(crate) fn rows() -> Rows {
    Rows::into("figures", "id, version_row, prediction_id, position, name, title, spec, created_at")
}

/// Adds figures in the order given.
pub(crate) fn push(rows: &mut Rows, store: &Store, owner: Owner, figures: &[NewFigure]) -> Result<(), Problem> {
    let (version_row, prediction) = match owner {
        Owner::Version(row) => (Some(row), None),
        Owner::Prediction(id) => (None, Some(id.0)),
    };
    let now = store.now();
    for (position, figure) in (0_i32..).zip(figures) {
        let spec = check(figure).map_err(|problem| problem.at(position.to_string()).at("figures"))?;
        rows.push([
            FigureId::new(now).0.into(),
            Value::BigInt(version_row),
            Value::Uuid(prediction),
            position.into(),
            figure.name.as_str().into(),
            figure.title.as_str().into(),
            spec.into(),
            now.micros().into(),
        ]);
    }
    Ok(())
}

/// The document as text.
fn check(figure: &NewFigure) -> Result<String, Problem> {
    plain_text(&figure.name, "name")?;
    plain_text(&figure.title, "title")?;
    let spec = figure.spec.to_string();
    if spec.len() > MAX_SPEC_BYTES {
        return Err(Problem::new("VALUE_TOO_LARGE", "a figure may have at most 2 MiB; plot fewer points").at("spec"));
    }
    Ok(spec)
}
