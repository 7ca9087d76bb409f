//! From what is asked for to a plan and its first trials: what would fail for sure is refused now.

use nunatak_domain::{Direction, KeyKind, Name, Problem, ProjectId};
use sea_orm::{ConnectionTrait, DatabaseTransaction, EntityTrait};

use super::{
    Rung,
    configurations::{Configuration, grid, random},
    detectors::{self, Checked},
    draws::Draws,
    halving,
    plan::{MAX_TRIALS, Plan, Strategy, SweepDetector, SweepRequest, Target},
};
use crate::{
    StoreError, db,
    entities::{dataset_versions, datasets},
    jobs::checks,
};

/// A plan, its configurations, and by which metric they are compared.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) plan: Plan,
    pub(super) configurations: Vec<Configuration>,
    pub(super) metric: String,
    pub(super) direction: Direction,
}

/// What every detector that Nunatak has measures where there are labels.
const DEFAULT_METRIC: &str = "roc_auc";

pub(super) async fn plan(
    txn: &DatabaseTransaction,
    project: (i64, ProjectId),
    request: &SweepRequest,
) -> Result<Planned, StoreError> {
    request.check()?;
    let mut checked = Vec::new();
    for (place, detector) in request.detectors.iter().enumerate() {
        let found = detectors::check(txn, detector, &request.strategy).await;
        checked.push(found.map_err(|error| at(error, "detectors", place))?);
    }
    let targets = targets(txn, project.1, request, &checked).await?;
    let configurations = configurations(request, &checked)?;
    let rungs = rungs(&request.strategy, &checked, count(configurations.len()));
    let total = total(&rungs, targets.len())?;
    let metric = request.metric.as_ref().map_or(DEFAULT_METRIC, |key| key.as_str()).to_owned();
    let direction = match request.direction {
        Some(direction) => direction,
        None => declared(txn, project.0, &metric).await?,
    };
    let known = request.detectors.iter().zip(&checked);
    let plan = Plan {
        detectors: known
            .map(|(given, found)| SweepDetector { version: Some(found.version.clone()), ..given.clone() })
            .collect(),
        strategy: request.strategy.clone(),
        targets,
        seed: request.seed,
        concurrency: request.concurrency,
        budget: request.budget,
        stop_when: request.stop_when,
        promote: request.promote.clone(),
        max_failed_share: request.max_failed_share,
        tags: request.tags.iter().map(ToString::to_string).collect(),
        priority: request.priority,
        max_attempts: request.max_attempts,
        rungs,
        total,
    };
    Ok(Planned { plan, configurations, metric, direction })
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// For so many configurations: a small space may have fewer than were asked for.
fn rungs(strategy: &Strategy, checked: &[Checked], trials: u32) -> Vec<Rung> {
    let Strategy::SuccessiveHalving { eta, min, max, .. } = strategy else {
        return vec![Rung { trials, resource: 0.0 }];
    };
    let whole = checked.iter().any(|detector| detector.whole_resource);
    halving::rungs(trials, *eta, (*min, *max), whole)
}

fn configurations(request: &SweepRequest, checked: &[Checked]) -> Result<Vec<Configuration>, Problem> {
    let candidates: Vec<_> = checked.iter().map(|detector| detector.candidate.clone()).collect();
    let mut draws = Draws::new(request.seed);
    match request.strategy {
        Strategy::Random { trials } | Strategy::SuccessiveHalving { trials, .. } => {
            Ok(random(&candidates, trials as usize, &mut draws))
        }
        Strategy::Grid { shuffle } => {
            grid_fits(request, checked)?;
            let mut all = grid(&candidates);
            if shuffle {
                draws.shuffle(&mut all);
            }
            Ok(all)
        }
    }
}

/// A grid is counted before it is made.
fn grid_fits(request: &SweepRequest, checked: &[Checked]) -> Result<(), Problem> {
    let (mut all, mut counted) = (0_usize, Vec::new());
    for (place, (detector, asked)) in checked.iter().zip(&request.detectors).enumerate() {
        let sizes = detector.candidate.sizes().map_err(|name| {
            let message = format!("a grid needs to know how many values of `{name}` to try: give `steps` or `values`");
            Problem::new("REQUIRED", message).at("steps").at(name).at("space").at(place.to_string()).at("detectors")
        })?;
        let points = sizes.iter().fold(1_usize, |product, (_, size)| product.saturating_mul(*size));
        let factors: Vec<String> = sizes.iter().map(|(name, size)| format!("{size} {name}")).collect();
        counted.push(match factors.as_slice() {
            [] => format!("1 of {}", asked.name),
            factors => format!("{points} of {} ({})", asked.name, factors.join(" x ")),
        });
        all = all.saturating_add(points);
    }
    let trials = all.saturating_mul(request.datasets.len());
    if trials <= MAX_TRIALS as usize {
        return Ok(());
    }
    let message = format!(
        "the grid has {trials} trials: {} on {} data set(s); a sweep has at most {MAX_TRIALS}: give fewer values or \
         steps, or take the strategy `random`",
        counted.join(", "),
        request.datasets.len()
    );
    Err(Problem::new("LIMIT_EXCEEDED", message).at("strategy"))
}

fn total(rungs: &[Rung], datasets: usize) -> Result<u32, Problem> {
    let each = rungs.iter().fold(0_u32, |sum, rung| sum.saturating_add(rung.trials));
    let total = each.saturating_mul(count(datasets));
    if total <= MAX_TRIALS {
        return Ok(total);
    }
    let by_rung: Vec<String> = rungs.iter().map(|rung| rung.trials.to_string()).collect();
    let message = format!(
        "that is {total} trials: {} on each of {datasets} data set(s); a sweep has at most {MAX_TRIALS}",
        by_rung.join(" + ")
    );
    Err(Problem::new("LIMIT_EXCEEDED", message).at("strategy"))
}

/// The data sets, each trainable by each detector, with the names of their models.
async fn targets(
    txn: &DatabaseTransaction,
    project: ProjectId,
    request: &SweepRequest,
    checked: &[Checked],
) -> Result<Vec<Target>, StoreError> {
    let mut found = Vec::new();
    for (place, id) in request.datasets.iter().enumerate() {
        let row = checks::dataset(txn, *id, project).await.map_err(|error| at(error, "datasets", place))?;
        if request.metric.is_none() && row.label_column.is_none() {
            let message =
                format!("the data set has no labels, so that there is no {DEFAULT_METRIC}: say which metric counts");
            return Err(Problem::new("REQUIRED", message).at("metric").into());
        }
        let columns = checks::columns(&row)?;
        for (detector, checked) in checked.iter().enumerate() {
            checks::trainable(&row, &columns, &checked.example).map_err(|problem| match problem.path.first() {
                Some(field) if field == "dataset" => at(problem.into(), "datasets", place),
                _ => at(problem.into(), "detectors", detector),
            })?;
        }
        found.push(row);
    }
    let names = model_names(txn, &request.model, &found).await?;
    let targets = request.datasets.iter().zip(names);
    Ok(targets.map(|(dataset, model)| Target { dataset: *dataset, model: model.into() }).collect())
}

/// The given name for one data set; else with the data set's name, and its number where two versions of it are there.
async fn model_names(
    db: &impl ConnectionTrait,
    model: &Name,
    rows: &[dataset_versions::Model],
) -> Result<Vec<Name>, StoreError> {
    if rows.len() == 1 {
        return Ok(vec![model.clone()]);
    }
    let mut names = Vec::new();
    for row in rows {
        let dataset =
            datasets::Entity::find_by_id(row.dataset_id).one(db).await?.ok_or(StoreError::NotFound("dataset"))?;
        let several = rows.iter().filter(|other| other.dataset_id == row.dataset_id).count() > 1;
        let number = if several { format!("-{}", row.number) } else { String::new() };
        let name = format!("{model}-{}{number}", dataset.name);
        names.push(Name::parse(&name).map_err(|problem| {
            let message = format!("the model of a data set would be `{name}`, and {}", problem.message);
            Problem { message, ..problem }.at("model")
        })?);
    }
    Ok(names)
}

/// The end that the project declares as good.
async fn declared(db: &impl ConnectionTrait, project_row: i64, metric: &str) -> Result<Direction, StoreError> {
    let text = "SELECT d.direction FROM metric_directions d JOIN keys k ON k.id = d.key_id \
                WHERE d.project_row = $1 AND k.kind = $2 AND k.name = $3";
    let values = vec![project_row.into(), KeyKind::Metric.number().into(), metric.into()];
    let row = db.query_one_raw(db::sql(db, text, values)).await?;
    let number: i16 = row.map_or(Ok(Direction::Maximize.number()), |row| row.try_get("", "direction"))?;
    Direction::from_number(number).ok_or_else(|| StoreError::Corrupt(format!("direction {number}")))
}

/// The same problems, below the item of a list that they are about.
fn at(error: StoreError, list: &str, place: usize) -> StoreError {
    let StoreError::Invalid(problems) = error else { return error };
    let placed = problems.into_iter().map(|mut problem| {
        // The list has another name than the field that a single one is asked for by.
        if problem.path.first().is_some_and(|field| list == "datasets" && field == "dataset") {
            problem.path.remove(0);
        }
        problem.at(place.to_string()).at(list)
    });
    StoreError::Invalid(placed.collect())
}
