//! PREDICT and EVALUATE: a version applied to a dataset. The former keeps the scores, the latter only the metrics.

use std::sync::Arc;
use std::time::Instant;

use nunatak_client::runner::{EvaluateResultInput, PredictResultInput};
use nunatak_detector::{Model, Predicted};
use tempfile::NamedTempFile;

use crate::attempt::Attempt;
use crate::failure::Failure;
use crate::{compute, results, scores};

/// The scores' name for those who download them.
const SCORES_NAME: &str = "scores.safetensors";

pub(crate) async fn predict(attempt: &Attempt) -> Result<PredictResultInput, Failure> {
    let directory = attempt.crew.cache.directory().to_owned();
    let write = move |predicted: &Predicted| scores::write(predicted, &directory);
    let applied = apply(attempt, write).await?;

    let file: &NamedTempFile = &applied.kept;
    let project = attempt.project.as_str();
    let upload = || {
        let client = attempt.client();
        async move { client.upload(project, file.path(), SCORES_NAME).await }
    };
    let scores_upload = attempt.stop.unless_stopped(attempt.until_answered(upload)).await?;
    Ok(PredictResultInput {
        scores_upload,
        row_count: applied.n_rows.into(),
        anomaly_count: applied.n_anomalies.into(),
        threshold: applied.predicted.threshold,
        metrics: results::metrics(applied.predicted.metrics),
        figures: results::figures(applied.predicted.figures),
    })
}

pub(crate) async fn evaluate(attempt: &Attempt) -> Result<EvaluateResultInput, Failure> {
    let applied = apply(attempt, |_| Ok(())).await?;
    Ok(EvaluateResultInput {
        row_count: applied.n_rows.into(),
        anomaly_count: applied.n_anomalies.into(),
        threshold: applied.predicted.threshold,
        metrics: results::metrics(applied.predicted.metrics),
        figures: results::figures(applied.predicted.figures),
    })
}

struct Applied<K> {
    n_rows: i64,
    n_anomalies: i64,
    /// Without the scores and labels: on a large dataset they are the memory of the job.
    predicted: Predicted,
    kept: K,
}

/// Scores the dataset; `keep` takes what it wants of the rows while still on the blocking thread.
async fn apply<K: Send + 'static>(
    attempt: &Attempt,
    keep: impl FnOnce(&Predicted) -> Result<K, Failure> + Send + 'static,
) -> Result<Applied<K>, Failure> {
    let dataset = attempt.fetch_dataset().await?;
    let artifact = attempt.fetch_artifact().await?;
    let (detectors, context) = (Arc::clone(&attempt.crew.detectors), attempt.run_context());
    // The version's own threshold may differ from its file's: it can be set anew without training again.
    let threshold = attempt.artifact.as_ref().and_then(|artifact| artifact.threshold);
    let started = Instant::now();
    let applied = compute::run(attempt.crew.options.threads(), &attempt.stop, move || {
        let model = Model::load(&detectors, &std::fs::read(artifact.path())?)?;
        let categories = model.header().category_columns().into_iter().map(str::to_owned).collect();
        let frame = dataset.read(categories)?;
        let predicted = context.with(|context| nunatak_detector::predict_at(&model, &frame, threshold, context))?;
        Ok(Applied {
            n_rows: predicted.scores.len() as i64,
            n_anomalies: predicted.n_anomalies as i64,
            kept: keep(&predicted)?,
            predicted: Predicted { scores: Vec::new(), labels: Vec::new(), reasons: None, ..predicted },
        })
    });
    let applied = applied.await?;
    attempt.log(&format!(
        "scored {} rows in {:.3} s: {} are anomalies",
        applied.n_rows,
        started.elapsed().as_secs_f64(),
        applied.n_anomalies
    ));
    tracing::info!(compute.duration_ms = started.elapsed().as_millis() as u64, data.n_rows = applied.n_rows, "scored");
    Ok(applied)
}
