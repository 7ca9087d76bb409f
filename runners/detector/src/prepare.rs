//! From the table that a user has to the one that a detector sees, in training and in scoring.

use std::borrow::Cow;

use crate::pipeline::grid::{Regular, step_of};
use crate::pipeline::{Options, Pipeline, Report};
use crate::validation::{check_shape, check_values, match_columns};
use crate::{ArtifactHeader, DetectorError, DetectorSpec, Frame, Hyperparameters, InputColumn, InputKind};

/// A table ready for a detector.
#[derive(Debug)]
pub(crate) struct Prepared<'a> {
    /// The rows as they came (of a training: those that pass the filter), features derived.
    pub(crate) rows: Cow<'a, Frame>,
    /// The same in equal steps, where they were not.
    regular: Option<Regular>,
    pub(crate) report: Report,
}

/// What a version keeps of its preparation.
#[derive(Debug)]
pub(crate) struct Learned {
    pub(crate) input_schema: Vec<InputColumn>,
    pub(crate) pipeline: Option<Pipeline>,
    pub(crate) step_millis: Option<i64>,
}

impl<'a> Prepared<'a> {
    /// Learns the preprocessing from `frame` and applies it.
    pub(crate) fn fit(
        spec: &DetectorSpec,
        frame: &'a Frame,
        hyperparameters: &Hyperparameters,
    ) -> Result<(Self, Learned), DetectorError> {
        check_shape(frame)?;
        let wanted = hyperparameters.as_map().get("preprocessing").is_some_and(|options| !options.is_null());
        let options: Options = hyperparameters.object("preprocessing")?;
        let mut report = Report::new();
        let passing = options.rows_to_learn_from(frame)?;
        if let Some(rows) = &passing {
            report.insert("rows_filtered_out".into(), (frame.n_rows() - rows.len()) as f64);
        }
        let frame = passing.map_or(Cow::Borrowed(frame), |rows| Cow::Owned(frame.select_rows(&rows)));
        let mut input_schema: Vec<InputColumn> = frame.columns().iter().map(InputColumn::number).collect();
        let pipeline = if wanted { Some(Pipeline::fit(options, &frame)?) } else { None };
        if let Some(pipeline) = &pipeline {
            input_schema.iter_mut().for_each(|column| column.nullable = pipeline.takes_missing());
            input_schema.extend(pipeline.one_hot().iter().map(InputColumn::category));
        }
        let step_millis = match spec.input_kind {
            InputKind::Series => frame.time().and_then(step_of),
            InputKind::Tabular => None,
        };
        let mut prepared = Self::of(frame, pipeline.as_ref(), step_millis)?;
        prepared.report.append(&mut report);
        if let Some(step) = step_millis {
            prepared.report.insert("series_step_seconds".into(), step as f64 / 1000.0);
        }
        Ok((prepared, Learned { input_schema, pipeline, step_millis }))
    }

    /// Does to `frame` what was learned.
    pub(crate) fn apply(header: &ArtifactHeader, frame: &'a Frame) -> Result<Self, DetectorError> {
        let frame = match_columns(frame, header)?;
        Self::of(frame, header.pipeline.as_ref(), header.step_millis)
    }

    /// Without a pipeline the rows stay where they are: a large table is not copied.
    fn of(frame: Cow<'a, Frame>, pipeline: Option<&Pipeline>, step_millis: Option<i64>) -> Result<Self, DetectorError> {
        if !pipeline.is_some_and(Pipeline::takes_missing) {
            check_values(&frame)?;
        }
        let (rows, mut report) = match pipeline {
            Some(pipeline) => {
                let (derived, report) = pipeline.apply(&frame)?;
                check_values(&derived)?;
                (Cow::Owned(derived), report)
            }
            None => (frame, Report::new()),
        };
        let regular = step_millis.map(|step| Regular::of(&rows, step)).transpose()?.flatten();
        if let Some(regular) = &regular {
            report.extend(regular.report.clone());
        }
        Ok(Self { rows, regular, report })
    }

    /// What the detector sees.
    pub(crate) fn frame(&self) -> &Frame {
        self.regular.as_ref().map_or(&self.rows, |regular| &regular.frame)
    }

    /// Where each row lies in [`frame`](Self::frame); `None` where they are the same.
    pub(crate) fn places(&self) -> Option<&[usize]> {
        self.regular.as_ref().map(Regular::places)
    }

    /// The scores of the rows as they came, of scores of [`frame`](Self::frame).
    pub(crate) fn scores_of_rows<'s>(&self, seen: &'s [f64]) -> Cow<'s, [f64]> {
        self.regular.as_ref().map_or(Cow::Borrowed(seen), |regular| Cow::Owned(regular.back(seen)))
    }
}
