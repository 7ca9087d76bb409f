//! The detectors of a sweep, with all that may be chosen for them, against their JSON Schemas: what would be refused of
//! a trial is refused of the sweep, at its place.

use nunatak_domain::Problem;
use sea_orm::DatabaseTransaction;
use serde_json::{Map, Value};

use super::{
    configurations::Candidate,
    plan::{Strategy, SweepDetector},
    space::{Space, number},
};
use crate::{StoreError, detectors, jobs::hyperparameters::Compiled};

/// A detector that was found good, and one full set of hyperparameters that it takes.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) version: String,
    pub(super) candidate: Candidate,
    pub(super) example: Value,
    /// Whether the resource of successive halving is a whole number.
    pub(super) whole_resource: bool,
}

/// # Errors
/// All that is wrong with the detector, below `detectors` and its place.
pub(super) async fn check(
    txn: &DatabaseTransaction,
    given: &SweepDetector,
    strategy: &Strategy,
) -> Result<Checked, StoreError> {
    let found = detectors::find(txn, &given.name, given.version.as_deref()).await?;
    let found = found.ok_or_else(|| unknown(given))?;
    let compiled = Compiled::of(&found.hyperparameter_schema);
    let integer = |name: &str| is_whole(compiled.property(name));
    let space =
        Space::parse(&given.space, integer).map_err(|problems| StoreError::Invalid(under("space", problems)))?;
    let fixed = fixed(&given.hyperparameters, &space)?;
    let mut whole_resource = false;
    let mut ends = all_ends(&space);
    if let Strategy::SuccessiveHalving { resource, min, max, .. } = strategy {
        whole_resource = integer(resource);
        resource_is_free(resource, &given.name, &compiled, &fixed, &space)?;
        ends.push((resource.clone(), vec![]));
        for end in [min, max] {
            ends.last_mut().into_iter().for_each(|(_, all)| all.push((Vec::new(), number(*end, whole_resource))));
        }
    }
    let example = try_all(&compiled, &fixed, &ends).map_err(StoreError::Invalid)?;
    let candidate = Candidate { detector: format!("{} {}", found.name, found.version), fixed, space };
    Ok(Checked { version: found.version, candidate, example, whole_resource })
}

/// For each hyperparameter the values that have to be taken, each with its path below the name.
type Ends = Vec<(String, Vec<(Vec<String>, Value)>)>;

fn all_ends(space: &Space) -> Ends {
    let path = |path: [String; 2]| path.into_iter().filter(|part| !part.is_empty()).collect();
    let ends = |(name, dimension): &(String, super::space::Dimension)| {
        (name.clone(), dimension.ends().into_iter().map(|(place, value)| (path(place), value)).collect())
    };
    space.0.iter().map(ends).collect()
}

/// The first of each, and then each other one in its place. The full set of the first.
fn try_all(compiled: &Compiled<'_>, fixed: &Map<String, Value>, ends: &Ends) -> Result<Value, Vec<Problem>> {
    let mut settings = fixed.clone();
    for (name, values) in ends {
        settings.extend(values.first().map(|(_, value)| (name.clone(), value.clone())));
    }
    let first = |name: &str| ends.iter().find(|(other, _)| other == name).and_then(|(_, values)| values.first());
    let located = |problem: Problem| match problem.path.get(1).cloned() {
        Some(name) if let Some((path, _)) = first(&name) => below(problem, &name, path),
        _ => problem,
    };
    let resolved = compiled.resolve(&Value::Object(settings.clone()));
    let example = resolved.map_err(|problems| problems.into_iter().map(located).collect::<Vec<_>>())?;
    let mut problems = Vec::new();
    for (name, values) in ends {
        for (path, value) in values.iter().skip(1) {
            let mut changed = settings.clone();
            changed.insert(name.clone(), value.clone());
            let wrong = compiled.resolve(&Value::Object(changed)).err().unwrap_or_default();
            problems.extend(wrong.into_iter().map(|problem| below(problem, name, path)));
        }
    }
    if problems.is_empty() { Ok(example) } else { Err(problems) }
}

/// The problem at the value of the space that caused it.
fn below(problem: Problem, name: &str, path: &[String]) -> Problem {
    let path = ["space".to_owned(), name.to_owned()].into_iter().chain(path.iter().cloned()).collect();
    Problem { path, ..problem }
}

fn under(field: &str, problems: Vec<Problem>) -> Vec<Problem> {
    problems.into_iter().map(|problem| problem.at(field)).collect()
}

fn fixed(given: &Value, space: &Space) -> Result<Map<String, Value>, Problem> {
    let fixed = match given {
        Value::Null => Map::new(),
        Value::Object(fixed) => fixed.clone(),
        _ => return Err(Problem::new("WRONG_TYPE", "hyperparameters must be a JSON object").at("hyperparameters")),
    };
    match space.0.iter().find(|(name, _)| fixed.contains_key(name)) {
        None => Ok(fixed),
        Some((name, _)) => {
            let message = format!("`{name}` has a value in `hyperparameters`; take it out there, or here");
            Err(Problem::new("DUPLICATE_KEY", message).at(name).at("space"))
        }
    }
}

fn resource_is_free(
    resource: &str,
    detector: &str,
    compiled: &Compiled<'_>,
    fixed: &Map<String, Value>,
    space: &Space,
) -> Result<(), Problem> {
    if compiled.property(resource).is_null() {
        let message =
            format!("the resource is a hyperparameter of each detector, and `{detector}` has no `{resource}`");
        return Err(Problem::new("UNKNOWN_HYPERPARAMETER", message).at("detector"));
    }
    if fixed.contains_key(resource) || space.0.iter().any(|(name, _)| name == resource) {
        let message = format!("`{resource}` is the resource: the rungs say how much, so leave it out here");
        let field = if fixed.contains_key(resource) { "hyperparameters" } else { "space" };
        return Err(Problem::new("DUPLICATE_KEY", message).at(resource).at(field));
    }
    Ok(())
}

fn is_whole(property: &Value) -> bool {
    let named = |word: &str| match &property["type"] {
        Value::String(one) => one == word,
        Value::Array(several) => several.iter().any(|one| one == word),
        _ => false,
    };
    named("integer") && !named("number")
}

fn unknown(given: &SweepDetector) -> Problem {
    let name = &given.name;
    match &given.version {
        None => Problem::new("NOT_FOUND", format!("no runner has registered a detector `{name}`")).at("detector"),
        Some(version) => {
            let message = format!("no runner has registered version {version} of a detector `{name}`");
            Problem::new("NOT_FOUND", message).at("version")
        }
    }
}
