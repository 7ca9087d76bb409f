//! Times one detector on one table, for `bench/detectors.py`.
//!
//! One argument, the [`Task`] as JSON; one line of JSON comes out. The detector is driven directly: nothing is calibrated and
//! no preprocessing runs, so that the seconds are those of the method.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use ndarray::Array2;
use nunatak_detector::{
    ARTIFACT_FORMAT, Artifact, ArtifactHeader, Context, Detector, FittedDetector, Frame, Hyperparameters, InputColumn,
    Model, evaluation, find_detector,
};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One sample lasts this long at least: what is faster is done again and again, and the mean taken.
const SAMPLE_SECONDS: f64 = 0.05;
/// No more samples are taken after so long.
const PATIENCE_SECONDS: f64 = 3.0;
/// Rows scored one at a time, each once.
const SINGLE_ROWS: usize = 2_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Task {
    detector: String,
    #[serde(default)]
    hyperparameters: Value,
    /// Raw little-endian f64, row after row.
    table: PathBuf,
    n_features: usize,
    /// Raw bytes, 0 or 1 for each row.
    labels: Option<PathBuf>,
    /// Only so many rows of the table.
    rows: Option<usize>,
    #[serde(default = "one")]
    threads: usize,
    #[serde(default = "one")]
    repeats: usize,
    /// Measure rows one at a time, not the table.
    #[serde(default)]
    row: bool,
}

fn one() -> usize {
    1
}

/// Seconds of the samples of one step, by the clock and of all processors together.
#[derive(Debug, Serialize)]
struct Seconds {
    wall: Vec<f64>,
    cpu: Vec<f64>,
    /// What was resident at most during the first call, in bytes.
    peak: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let task = std::env::args().nth(1).ok_or("one argument is needed: the task as JSON")?;
    let task: Task = serde_json::from_str(&task)?;
    rayon::ThreadPoolBuilder::new().num_threads(task.threads).build_global()?;
    let detectors = nunatak_linfa::all();
    let detector = find_detector(&detectors, &task.detector)?;
    let hyperparameters = Hyperparameters::resolve(&detector.spec().hyperparameters, &task.hyperparameters)?;
    let before = resident("VmRSS")?;
    let frame = read(&task)?;
    let found = if task.row {
        single_rows(&detectors, detector, &frame, &hyperparameters)?
    } else {
        table(&task, detector, &frame, &hyperparameters, before)?
    };
    println!("{found}");
    Ok(())
}

fn read(task: &Task) -> Result<Frame, Box<dyn Error>> {
    let bytes = fs::read(&task.table)?;
    let rows = bytes.chunks_exact(8 * task.n_features).take(task.rows.unwrap_or(usize::MAX));
    let values: Vec<f64> = rows.flat_map(|row| row.as_chunks::<8>().0).map(|x| f64::from_le_bytes(*x)).collect();
    drop(bytes);
    let n_rows = values.len() / task.n_features;
    let labels = task.labels.as_ref().map(fs::read).transpose()?;
    let labels = labels.map(|labels| labels.into_iter().take(n_rows).collect());
    let columns = (0..task.n_features).map(|feature| format!("f{feature}")).collect();
    Ok(Frame::new(columns, Array2::from_shape_vec((n_rows, task.n_features), values)?, None, labels)?)
}

/// Fits, scores the rows as those of training and then as new ones.
fn table(
    task: &Task,
    detector: &dyn Detector,
    frame: &Frame,
    hyperparameters: &Hyperparameters,
    before: u64,
) -> Result<Value, Box<dyn Error>> {
    let ctx = Context::quiet(0);
    let (fit, fitted) = measure(task.repeats, || Ok(detector.fit(frame, hyperparameters, &ctx)?))?;
    let (training_scores, _) = measure(task.repeats, || Ok(fitted.training_scores(frame, &ctx)?))?;
    let (score, scores) = measure(task.repeats, || Ok(fitted.score(frame, &ctx)?))?;
    let artifact = artifact(detector, fitted.as_ref(), frame, hyperparameters)?;
    drop(fitted);
    let (load, _) = measure(task.repeats, || Ok(detector.load(&Artifact::decode(&artifact)?)?))?;
    Ok(json!({
        "fit": fit,
        "training_scores": training_scores,
        "score": score,
        "load": load,
        "roc_auc": frame.labels().and_then(|labels| evaluation::roc_auc(&scores, labels)),
        "artifact_bytes": artifact.len(),
        "data_bytes": size_of_val(frame.as_slice()),
        "before_bytes": before,
    }))
}

/// Loads a version and scores rows one by one, as the server does for one request.
fn single_rows(
    detectors: &[Box<dyn Detector>],
    detector: &dyn Detector,
    frame: &Frame,
    hyperparameters: &Hyperparameters,
) -> Result<Value, Box<dyn Error>> {
    let ctx = Context::quiet(0);
    let fitted = detector.fit(frame, hyperparameters, &ctx)?;
    let artifact = artifact(detector, fitted.as_ref(), frame, hyperparameters)?;
    drop(fitted);
    let model = Model::load(detectors, &artifact)?;
    let stride = frame.n_rows().div_ceil(SINGLE_ROWS);
    let rows: Vec<Frame> = (0..frame.n_rows()).step_by(stride).map(|row| frame.slice_rows(row..row + 1)).collect();
    for row in &rows {
        model.score(row, &ctx)?;
    }
    let mut seconds = Vec::with_capacity(rows.len());
    for row in &rows {
        let started = Instant::now();
        model.score(row, &ctx)?;
        seconds.push(started.elapsed().as_secs_f64());
    }
    let [p50, p99] = [0.5, 0.99].map(|q| evaluation::quantile(&seconds, q));
    Ok(json!({"p50": p50, "p99": p99, "rows": rows.len()}))
}

/// What training would store, but for the threshold.
fn artifact(
    detector: &dyn Detector,
    fitted: &dyn FittedDetector,
    frame: &Frame,
    hyperparameters: &Hyperparameters,
) -> Result<Vec<u8>, Box<dyn Error>> {
    let saved = fitted.save();
    let spec = detector.spec();
    let header = ArtifactHeader {
        format: ARTIFACT_FORMAT.into(),
        detector: spec.name,
        detector_version: spec.version,
        input_schema: frame.columns().iter().map(InputColumn::number).collect(),
        hyperparameters: hyperparameters.as_map().clone(),
        seed: 0,
        preprocessing: saved.preprocessing,
        pipeline: None,
        step_millis: None,
        typical: Vec::new(),
        calibration: None,
        threshold: 0.0,
        contamination: hyperparameters.contamination()?,
        trained_rows: frame.n_rows() as u64,
    };
    Ok(Artifact { header, tensors: saved.tensors }.encode()?)
}

/// Times `step`, and hands on what it returned the first time.
fn measure<T>(repeats: usize, step: impl Fn() -> Result<T, Box<dyn Error>>) -> Result<(Seconds, T), Box<dyn Error>> {
    // The kernel forgets the peak so far; where it may not be asked to, the peak is that of the whole run.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let (started, cpu_before) = (Instant::now(), cpu_seconds());
    let first = step()?;
    let (wall, cpu) = (started.elapsed().as_secs_f64(), cpu_seconds() - cpu_before);
    let mut seconds = Seconds { wall: vec![], cpu: vec![], peak: resident("VmHWM")? };
    // Caches and memory are cold in the first call, which counts only where it is too long to be done once more.
    if wall > PATIENCE_SECONDS {
        (seconds.wall, seconds.cpu) = (vec![wall], vec![cpu]);
        return Ok((seconds, first));
    }
    let loops = (SAMPLE_SECONDS / wall).ceil().clamp(1.0, 1e6) as usize;
    while seconds.wall.len() < repeats
        && (seconds.wall.is_empty() || started.elapsed().as_secs_f64() < PATIENCE_SECONDS)
    {
        let (started, cpu_before) = (Instant::now(), cpu_seconds());
        for _ in 0..loops {
            std::hint::black_box(step()?);
        }
        seconds.wall.push(started.elapsed().as_secs_f64() / loops as f64);
        seconds.cpu.push((cpu_seconds() - cpu_before) / loops as f64);
    }
    Ok((seconds, first))
}

/// Of all threads since the process began.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// A line of the process's status, in bytes: `VmRSS` is what it holds now, `VmHWM` what it held at most.
fn resident(line: &str) -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let lines: BTreeMap<&str, &str> = status.lines().filter_map(|line| line.split_once(':')).collect();
    let kilobytes = lines.get(line).and_then(|value| value.trim().strip_suffix(" kB"));
    Ok(kilobytes.ok_or("/proc/self/status does not say how much memory there is")?.parse::<u64>()? * 1024)
}
