//! Trains, watches, promotes and predicts. Every request carries a key of its own: a second run finds the
//! first one's results.

use std::{collections::HashMap, time::Duration};

use anyhow::bail;
use indicatif::{MultiProgress, ProgressBar};
use nunatak_client::{
    Client,
    enums::JobStatus,
    jobs::{Predict, PredictInput, PredictionSummary, TrainModelInput, predict},
};
use serde_json::Value;

use super::{
    data::{Loaded, style},
    operations::{JobStates, Leaderboard, MoveAlias, job_states, leaderboard, move_alias},
    plan,
};

/// Often enough for a smooth bar; one request however many jobs.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// The trainings of one data set.
pub(super) struct Submitted {
    dataset: &'static str,
    jobs: Vec<String>,
}

/// A trained version and how well it did.
pub(super) struct Row {
    pub detector: String,
    /// As they were asked for in the plan.
    pub hyperparameters: String,
    pub metrics: HashMap<String, f64>,
}

/// What was trained on one data set, best first.
pub(super) struct Leaders {
    pub dataset: &'static str,
    pub dataset_version: String,
    pub champion: String,
    pub rows: Vec<Row>,
}

pub(super) async fn submit(client: &Client, project: &str, datasets: &[Loaded]) -> anyhow::Result<Vec<Submitted>> {
    let mut submitted = Vec::new();
    for loaded in datasets {
        let name = loaded.bundled.name;
        let mut jobs = Vec::new();
        for (detector, hyperparameters) in plan::settings(loaded.bundled) {
            let key = format!("demo/{project}/{name}/{detector}/{hyperparameters}");
            let input = TrainModelInput {
                hyperparameters: Some(hyperparameters),
                tags: vec!["demo".to_owned()],
                idempotency_key: Some(key),
                ..TrainModelInput::new(project, name, detector, &loaded.version)
            };
            jobs.push(wait_for_detector(client, input).await?);
        }
        submitted.push(Submitted { dataset: name, jobs });
    }
    Ok(submitted)
}

/// The embedded runner may still be registering its detectors when the first training is asked for.
async fn wait_for_detector(client: &Client, input: TrainModelInput) -> anyhow::Result<String> {
    for _ in 0..200 {
        match client.train_model(input.clone()).await {
            Err(error) if error.has_code("UNKNOWN_DETECTOR") => tokio::time::sleep(LOOK_EVERY).await,
            result => return Ok(result?),
        }
    }
    bail!("no runner has offered `{}` within 30 s", input.detector)
}

pub(super) async fn watch(client: &Client, project: &str, submitted: &[Submitted]) -> anyhow::Result<()> {
    let bars = MultiProgress::new();
    let rows: Vec<(&Submitted, ProgressBar)> = submitted
        .iter()
        .map(|row| {
            let bar = bars.add(ProgressBar::new(row.jobs.len() as u64 * 100).with_style(percent()));
            bar.set_prefix(row.dataset);
            bar.enable_steady_tick(LOOK_EVERY);
            (row, bar)
        })
        .collect();
    loop {
        let states = states(client, project).await?;
        let mut over = true;
        for (row, bar) in &rows {
            let mine: Vec<_> = row.jobs.iter().filter_map(|id| states.get(id)).collect();
            for job in &mine {
                if let Some(error) = job.error.as_ref().filter(|_| job.status == JobStatus::Failed) {
                    bail!("a training on {} failed: {} ({})", row.dataset, error.message, error.code);
                }
            }
            let done = |status| mine.iter().filter(|job| job.status == status).count();
            let percent: f64 = mine
                .iter()
                .map(|job| if job.status.is_final() { 100.0 } else { (job.progress * 100.0).clamp(0.0, 99.0) })
                .sum();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100 for each job")]
            bar.set_position(percent as u64);
            bar.set_message(format!("{} of {} trained", done(JobStatus::Succeeded), row.jobs.len()));
            let finished = mine.iter().all(|job| job.status.is_final());
            if finished {
                bar.finish();
            }
            over &= finished;
        }
        if over {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn percent() -> indicatif::ProgressStyle {
    indicatif::ProgressStyle::with_template("{prefix:>20} {bar:30} {percent:>3} % {elapsed:>4} {wide_msg}")
        .unwrap_or_else(|_| style())
}

async fn states(client: &Client, project: &str) -> anyhow::Result<HashMap<String, job_states::JobStatesJobsNodes>> {
    let mut found = HashMap::new();
    let mut after = None;
    loop {
        let variables = job_states::Variables { project: project.to_owned(), after };
        let page = client.query::<JobStates>(variables).await?.jobs;
        found.extend(page.nodes.into_iter().map(|job| (job.id.clone(), job)));
        if !page.page_info.has_next_page {
            return Ok(found);
        }
        after = page.page_info.end_cursor;
    }
}

/// Moves `champion` of each model to its best version by ROC-AUC.
pub(super) async fn promote(client: &Client, project: &str, datasets: &[Loaded]) -> anyhow::Result<Vec<Leaders>> {
    let mut leaders = Vec::new();
    for loaded in datasets {
        let name = loaded.bundled.name;
        let variables = leaderboard::Variables { project: project.to_owned(), name: name.to_owned() };
        let nodes = client.query::<Leaderboard>(variables).await?.versions.nodes;
        let Some(best) = nodes.first() else { bail!("nothing was trained on {name}") };
        if !best.aliases.iter().any(|alias| alias.name == "champion") {
            let input = move_alias::MoveAliasInput {
                version: best.id.clone(),
                name: "champion".to_owned(),
                reason: Some("best ROC-AUC of the demo".to_owned()),
            };
            client.query::<MoveAlias>(move_alias::Variables { input }).await?;
        }
        let champion = best.id.clone();
        let plan = plan::settings(loaded.bundled);
        let rows = nodes.into_iter().map(|node| row(node, &plan)).collect();
        leaders.push(Leaders { dataset: name, dataset_version: loaded.version.clone(), champion, rows });
    }
    Ok(leaders)
}

fn row(node: leaderboard::LeaderboardVersionsNodes, plan: &[plan::Settings]) -> Row {
    let detector = node.detector.map(|detector| detector.name).unwrap_or_default();
    let resolved = node.job.and_then(|job| job.hyperparameters).unwrap_or_default();
    // The version has every hyperparameter; the table shows those that the plan chose.
    let chosen = plan
        .iter()
        .filter(|(name, _)| *name == detector)
        .filter_map(|(_, settings)| settings.as_object())
        .filter(|settings| settings.iter().all(|(key, value)| resolved.get(key) == Some(value)))
        .max_by_key(|settings| settings.len());
    let hyperparameters = chosen.map(describe).unwrap_or_default();
    let metrics = node.metrics.into_iter().filter_map(|metric| Some((metric.key, metric.last?))).collect();
    Row { detector, hyperparameters, metrics }
}

fn describe(settings: &serde_json::Map<String, Value>) -> String {
    if settings.is_empty() {
        return "defaults".to_owned();
    }
    let parts = settings.iter().map(|(key, value)| match value {
        Value::String(text) => format!("{key}={text}"),
        other => format!("{key}={other}"),
    });
    parts.collect::<Vec<_>>().join(" ")
}

/// A stored prediction of each champion on its own data.
pub(super) async fn predict(client: &Client, leaders: &[Leaders]) -> anyhow::Result<Vec<PredictionSummary>> {
    let mut predictions = Vec::new();
    for row in leaders {
        let input = PredictInput {
            version: row.champion.clone(),
            dataset: row.dataset_version.clone(),
            labels: Vec::new(),
            priority: 0,
            idempotency_key: Some(format!("demo/{}/{}", row.champion, row.dataset_version)),
        };
        let payload = client.query::<Predict>(predict::Variables { input }).await?.predict;
        let Some(job) = payload.job else { bail!("the prediction on {} was not queued", row.dataset) };
        let job = client.wait_for_job(&job.id, |_| {}).await?;
        match (job.prediction, job.error) {
            (Some(prediction), _) => predictions.push(prediction),
            (None, Some(error)) => bail!("the prediction on {} failed: {}", row.dataset, error.message),
            (None, None) => bail!("the prediction on {} ended without a result", row.dataset),
        }
    }
    Ok(predictions)
}
