//! All rows of new versions, table by table.

use nunatak_domain::Problem;

use super::{audience, maps, register::Entry, row, values};
use crate::{
    Store, audit, figures, metrics,
    rows::{Finding, Rows},
    tags,
};

pub(super) struct Tables {
    pub(super) versions: Rows,
    hyperparameters: Rows,
    parameters: Rows,
    metrics: Rows,
    points: Rows,
    maps: Rows,
    tags: Rows,
    figures: Rows,
    pub(super) audit: Rows,
}

impl Tables {
    pub(super) fn new() -> Self {
        Self {
            versions: row::rows(),
            hyperparameters: values::rows("hyperparameters"),
            parameters: values::rows("parameters"),
            metrics: metrics::first_rows(),
            points: metrics::first_point_rows(),
            maps: maps::rows(),
            tags: tags::first_rows(),
            figures: figures::rows(),
            audit: audit::rows(),
        }
    }

    /// For a statement that takes the numbers itself: rows say of which of the versions they are, counted from 1.
    /// The statement's `n` has `rows`, `tags` and the number that follows the last version's, `next`.
    pub(super) fn once() -> Self {
        const ROW: Finding = ("version_row", "n.rows[u.version_row]");
        let Self { versions, hyperparameters, parameters, metrics, points, maps, tags, figures, audit } = Self::new();
        Self {
            // How many numbers before the next.
            versions: versions.finding(&[("row_id", "n.rows[u.row_id]"), ("number", "n.next - u.number")]),
            hyperparameters: hyperparameters.finding(&[ROW]),
            parameters: parameters.finding(&[ROW]),
            metrics: metrics.finding(&[ROW]),
            points: points.finding(&[ROW]),
            maps: maps.finding(&[ROW]),
            tags: tags.finding(&[ROW, ("tag_id", "n.tags[u.tag_id]")]),
            figures: figures.finding(&[ROW]),
            // The number closes the JSON.
            audit: audit.beside("back").finding(&[("detail", "u.detail || (n.next - u.back) || '}'")]),
        }
    }

    /// Adds what hangs on a version: on its row, in this project's row.
    pub(super) fn add(
        &mut self,
        store: &Store,
        (row, project_row): (i64, i64),
        entry: &Entry<'_>,
        known: &tags::Known,
    ) -> Result<(), Problem> {
        let Entry { new, points, keys, .. } = entry;
        let of = row::Of { row, project_row, audience: audience::first(new.visibility, new.created_by) };
        values::push(&mut self.hyperparameters, of, &new.hyperparameters, &keys.hyperparameters);
        values::push(&mut self.parameters, of, &new.parameters, &keys.parameters);
        let measured = metrics::push_first(&mut self.metrics, &mut self.points, of, points, &keys.metrics);
        maps::push(&mut self.maps, row, &new.hyperparameters, &new.parameters, measured);
        tags::push(&mut self.tags, known, new.tags.iter(), of);
        figures::push(&mut self.figures, store, figures::Owner::Version(row), &new.figures)
    }

    /// What is referred to stands before what refers to it.
    pub(super) fn in_order(self) -> Vec<Rows> {
        let Self { versions, hyperparameters, parameters, metrics, points, maps, tags, figures, audit } = self;
        vec![versions, hyperparameters, parameters, metrics, points, maps, tags, figures, audit]
    }
}
