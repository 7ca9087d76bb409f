//! The demo's workspace, project and data sets: found, or made once.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use nunatak_client::{Client, datasets::CreateDatasetInput};

use super::plan::{Bundled, DATASETS};

const WORKSPACE: &str = "Demo";
const PROJECT: &str = "Anomaly detection";

/// A bundled data set as the server keeps it.
pub(super) struct Loaded {
    pub bundled: &'static Bundled,
    /// The id of its dataset version.
    pub version: String,
}

/// The id of the demo's project.
pub(super) async fn project(client: &Client) -> anyhow::Result<String> {
    let workspace = match client.find_workspace(WORKSPACE).await? {
        Some(id) => id,
        None => client.create_workspace(WORKSPACE, "What `nunatak demo` shows.").await?,
    };
    Ok(match client.find_project(&workspace, PROJECT).await? {
        Some(id) => id,
        None => {
            let description = "Detectors trained on labelled data sets, several settings each.";
            client.create_project(&workspace, PROJECT, description).await?
        }
    })
}

/// Uploads the data sets that are not there yet.
pub(super) async fn load(client: &Client, project: &str) -> anyhow::Result<Vec<Loaded>> {
    let bar = ProgressBar::new(DATASETS.len() as u64).with_style(style());
    bar.enable_steady_tick(Duration::from_millis(100));
    bar.set_prefix("data sets");
    let mut loaded = Vec::new();
    for bundled in &DATASETS {
        bar.set_message(bundled.name);
        let found = client.find_dataset(project, bundled.name).await?.and_then(|dataset| dataset.latest_version);
        let version = match found {
            Some(version) => version.id,
            None => create(client, project, bundled).await?,
        };
        loaded.push(Loaded { bundled, version });
        bar.inc(1);
    }
    bar.finish_with_message("loaded");
    Ok(loaded)
}

async fn create(client: &Client, project: &str, bundled: &Bundled) -> anyhow::Result<String> {
    let upload = client.upload(project, bundled.bytes.to_vec(), bundled.file).await?;
    let input = CreateDatasetInput {
        project: project.to_owned(),
        name: bundled.name.to_owned(),
        description: bundled.description.to_owned(),
        upload,
        format: None,
        time_column: None,
        label_column: Some("label".to_owned()),
        idempotency_key: Some(format!("demo/{project}/{}", bundled.name)),
    };
    let made = client.create_dataset(input).await?;
    made.latest_version.map(|version| version.id).ok_or_else(|| anyhow::anyhow!("{} has no version", bundled.name))
}

pub(super) fn style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix:>12} {bar:30} {pos:>3}/{len:<3} {elapsed:>4} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
