//! Which model had a name when versions were last logged to it by that name.
//!
//! Only a guess: models are renamed and deleted. Who uses it has the database check that the model still has the name.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use nunatak_domain::{ModelId, Name};

/// Some 20 MB; then it begins anew.
const MOST_REMEMBERED: usize = 100_000;

#[derive(Debug, Default)]
pub(crate) struct KnownModels(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    by_project: HashMap<i64, HashMap<Box<str>, ModelId>>,
    count: usize,
}

impl KnownModels {
    pub(crate) fn get(&self, project_row: i64, name: &Name) -> Option<ModelId> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.by_project.get(&project_row)?.get(name.as_str()).copied()
    }

    pub(crate) fn remember<'a>(&self, project_row: i64, models: impl Iterator<Item = (&'a Name, ModelId)>) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (name, id) in models {
            if known.count >= MOST_REMEMBERED {
                *known = Known::default();
            }
            if known.by_project.entry(project_row).or_default().insert(name.as_str().into(), id).is_none() {
                known.count += 1;
            }
        }
    }
}
