//! The plug-in interface of Nunatak's runners: what a detector is, what it reads and what it leaves behind.
//!
//! A runner calls three functions: [`train`], [`predict`] and [`load`]. A detector implements two traits:
//! [`Detector`] (describes itself, fits, loads) and [`FittedDetector`] (scores, saves). Everything else here serves them:
//! [`Frame`] is the table a detector reads, [`Hyperparameters`] the checked settings, [`Artifact`] the one file that holds a
//! trained version, [`evaluation`] the metrics and [`figures`] the plots stored beside it.
//!
//! Conventions that hold everywhere: a higher score is more anomalous, label 1 is an anomaly, a row is anomalous when its
//! score is **greater than** the threshold, and the same seed with the same data gives the same bytes.
//!
//! # Adding a detector
//! Implement [`Detector`] and [`FittedDetector`] in a crate that depends on this one and put the detector in the list that
//! the runner hands to [`train`] and [`predict`] (`nunatak_linfa::all()` is the built-in one). A runner of your own is that
//! list and one `main`, which `nunatak_worker::main` is: docs/add-a-detector.md writes one from the beginning. [`testing`] tries
//! what every detector promises. This crate does no file or network access and starts no threads: readers come in as
//! [`std::io::Read`], clocks and seeds as parameters.

mod artifact;
mod context;
mod csv_reader;
mod detector;
mod error;
pub mod evaluation;
mod explain;
pub mod figures;
mod frame;
mod header;
mod hyperparameters;
mod judge;
mod labels;
mod model;
mod page;
mod pipeline;
mod prepare;
mod preprocessing;
mod quick;
pub mod random;
mod reasons;
mod schema;
mod scoring;
mod stream;
mod target;
mod tensor;
pub mod testing;
mod text;
mod threshold;
mod timestamp;
mod training;
mod validation;

/// The crates whose types are in this one's signatures, in the versions that fit.
pub use {ndarray, serde_json};

pub use artifact::Artifact;
pub use context::{Context, LogLevel, Note, ignore_note, ignore_progress};
pub use csv_reader::CsvOptions;
pub use detector::{Classified, Detector, DetectorSpec, FittedDetector, InputKind, Learning, Reasons, SavedState};
pub use error::DetectorError;
pub use figures::Figure;
pub use frame::Frame;
pub use header::{ARTIFACT_FORMAT, ArtifactHeader, InputColumn};
pub use hyperparameters::Hyperparameters;
pub use labels::Labels;
pub use model::Model;
pub use page::detectors_page;
pub use pipeline::{Pipeline, category_columns};
pub use preprocessing::Standardization;
pub use quick::RowScores;
pub use reasons::{REASONS_A_ROW, RowReasons};
pub use schema::HyperparameterSchema;
pub use scoring::{Predicted, find_detector, load, predict, predict_at};
pub use stream::{Forecast, StreamScorer};
pub use target::Target;
pub use tensor::{Tensor, TensorData};
pub use text::{TextColumn, TextColumnBuilder};
pub use threshold::{Calibration, Method as ThresholdMethod, Source as CalibrationSource};
pub use training::{Trained, train};
