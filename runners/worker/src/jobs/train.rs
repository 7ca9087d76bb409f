//! TRAIN: from a dataset to a version.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use nunatak_client::runner::TrainResultInput;
use nunatak_detector::{Detector, Trained, find_detector};
use serde_json::Value;

use crate::attempt::Attempt;
use crate::failure::Failure;
use crate::{compute, results};

/// The artefact's name for those who download it.
const ARTIFACT_NAME: &str = "model.safetensors";

pub(crate) async fn train(attempt: &Attempt) -> Result<TrainResultInput, Failure> {
    let mut trained = fit(attempt).await?;

    let artifact = Bytes::from(std::mem::take(&mut trained.artifact));
    let project = attempt.project.as_str();
    let upload = || {
        let (client, artifact) = (attempt.client(), artifact.clone());
        async move { client.upload(project, artifact, ARTIFACT_NAME).await }
    };
    let artifact = attempt.stop.unless_stopped(attempt.until_answered(upload)).await?;
    result(trained, artifact)
}

async fn fit(attempt: &Attempt) -> Result<Trained, Failure> {
    let dataset = attempt.fetch_dataset().await?;
    attempt.log(&format!("fitting {} to {} rows", attempt.job.detector_name, attempt.dataset.row_count));
    let (name, version) = (attempt.job.detector_name.clone(), attempt.job.detector_version.clone());
    let hyperparameters = attempt.job.hyperparameters.clone().unwrap_or(Value::Null);
    let (detectors, context) = (Arc::clone(&attempt.crew.detectors), attempt.run_context());
    let started = Instant::now();
    let trained = compute::run(attempt.crew.options.threads(), &attempt.stop, move || {
        let detector = detector_of(&detectors, &name, &version)?;
        let frame = dataset.read(nunatak_detector::category_columns(&hyperparameters))?;
        Ok(context.with(|context| nunatak_detector::train(detector, &frame, &hyperparameters, context))?)
    });
    let trained = trained.await?;
    attempt.log(&format!(
        "fitted in {:.3} s, scored in {:.3} s; the threshold is {}",
        trained.fit_seconds, trained.score_seconds, trained.threshold
    ));
    tracing::info!(
        compute.duration_ms = started.elapsed().as_millis() as u64,
        data.n_rows = trained.scores.len(),
        artifact.size_bytes = trained.artifact.len(),
        "trained"
    );
    Ok(trained)
}

/// The same seed, data and detector version give the same model, so another version will not do.
fn detector_of<'a>(detectors: &'a [Box<dyn Detector>], name: &str, version: &str) -> Result<&'a dyn Detector, Failure> {
    let detector = find_detector(detectors, name)?;
    let ours = detector.spec().version;
    if ours == version {
        return Ok(detector);
    }
    let message = format!("The job asks for `{name}` {version}, but this runner has {ours}.");
    Err(Failure::retry("DETECTOR_VERSION", message))
}

fn result(trained: Trained, artifact_upload: String) -> Result<TrainResultInput, Failure> {
    let mut metrics = trained.metrics;
    metrics.insert("fit_seconds".into(), trained.fit_seconds);
    metrics.insert("score_seconds".into(), trained.score_seconds);
    let input_schema = serde_json::to_value(&trained.header.input_schema)
        .map_err(|error| Failure::fail("ARTIFACT", error.to_string()))?;
    Ok(TrainResultInput {
        artifact_upload,
        artifact_format: trained.header.format,
        hyperparameters: Some(object(trained.hyperparameters)),
        parameters: Some(object(trained.parameters)),
        metrics: results::metrics(metrics),
        figures: results::figures(trained.figures),
        threshold: Some(trained.threshold),
        input_schema: Some(input_schema),
        environment: None,
    })
}

fn object(map: BTreeMap<String, Value>) -> Value {
    Value::Object(map.into_iter().collect())
}
