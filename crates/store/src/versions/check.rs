//! What can be said about a version before the database is asked.

use std::collections::HashSet;

use nunatak_domain::{Key, Problem, Scalar};

use super::{DatasetOrigin, NewVersion, sql::plain_text, values};

/// How many keys of a sort a version may have; more belong in the artefact.
pub const MAX_KEYS: usize = 1000;
pub const MAX_TAGS: usize = 20;
pub const MAX_FIGURES: usize = 50;

pub(super) fn check(new: &NewVersion) -> Result<(), Problem> {
    check_keys(&new.hyperparameters, "hyperparameters")?;
    check_keys(&new.parameters, "parameters")?;
    limit("tags", new.tags.len(), MAX_TAGS)?;
    limit("figures", new.figures.len(), MAX_FIGURES)?;
    plain_text(&new.description, "description")?;
    if let DatasetOrigin::Elsewhere { name, description } = &new.dataset {
        plain_text(name, "dataset")?;
        plain_text(description.as_deref().unwrap_or_default(), "dataset")?;
    }
    if let Some(git) = &new.git {
        for text in [&git.branch, &git.commit].into_iter().flatten() {
            plain_text(text, "git")?;
        }
    }
    for text in new.artifact.iter().flat_map(|file| [&file.name, &file.format]) {
        plain_text(text, "artifact")?;
    }
    Ok(())
}

fn check_keys(values: &[(Key, Scalar)], field: &str) -> Result<(), Problem> {
    limit(field, values.len(), MAX_KEYS)?;
    let mut seen = HashSet::new();
    for (key, _) in values {
        if !seen.insert(key.as_str()) {
            let message = format!("`{key}` is given twice; give each key once");
            return Err(Problem::new("DUPLICATE_KEY", message).at(key.as_str()).at(field));
        }
    }
    values::check(values, field)
}

pub(crate) fn limit(field: &str, got: usize, max: usize) -> Result<(), Problem> {
    if got > max {
        let message = format!("`{field}` has {got} entries; at most {max} are allowed");
        return Err(Problem::new("LIMIT_EXCEEDED", message).at(field));
    }
    Ok(())
}
