//! The table that detectors read.

use ndarray::{Array2, ArrayView2};

use crate::{DetectorError, Target, TextColumn};

/// Named columns of numbers, with an optional time and an optional label for each row.
///
/// A missing value is NaN; whether that is acceptable is decided where the frame is used ([`train`](crate::train) and
/// [`predict`](crate::predict) refuse it). Rows keep the order they came in.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    columns: Vec<String>,
    values: Array2<f64>,
    time: Option<Vec<i64>>,
    labels: Option<Vec<u8>>,
    target: Option<Target>,
    text: Vec<TextColumn>,
}

impl Frame {
    /// Builds a frame from its parts.
    ///
    /// `values` has shape (n_rows, n_features) with one name in `columns` for each feature; `time` is in milliseconds since
    /// 1970-01-01 UTC; `labels` are 0 (normal) or 1 (anomaly).
    ///
    /// # Errors
    /// [`DetectorError::Data`] when lengths differ, a name repeats, or a label is neither 0 nor 1.
    pub fn new(
        columns: Vec<String>,
        values: Array2<f64>,
        time: Option<Vec<i64>>,
        labels: Option<Vec<u8>>,
    ) -> Result<Self, DetectorError> {
        let (n_rows, n_features) = values.dim();
        if columns.len() != n_features {
            return Err(DetectorError::data(format!("{} column names for {n_features} columns", columns.len())));
        }
        if let Some(name) = first_duplicate(&columns) {
            return Err(DetectorError::data(format!("the column `{name}` appears twice")));
        }
        if time.as_ref().is_some_and(|time| time.len() != n_rows) {
            return Err(DetectorError::data("there must be one time for each row"));
        }
        if labels.as_ref().is_some_and(|labels| labels.len() != n_rows) {
            return Err(DetectorError::data("there must be one label for each row"));
        }
        if let Some(row) = labels.as_ref().and_then(|labels| labels.iter().position(|label| *label > 1)) {
            return Err(DetectorError::data(format!("row {}: the label must be 0 or 1", row + 1)));
        }
        // Row slices are what detectors work on, so any other memory layout is copied once, here.
        let values = if values.is_standard_layout() { values } else { values.as_standard_layout().into_owned() };
        Ok(Self { columns, values, time, labels, target: None, text: Vec::new() })
    }

    /// Names of the features, in the order of the columns of [`values`](Self::values).
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The feature matrix, shape (n_rows, n_features), row-major.
    pub fn values(&self) -> ArrayView2<'_, f64> {
        self.values.view()
    }

    /// The feature matrix as one slice, row after row.
    pub fn as_slice(&self) -> &[f64] {
        self.values.as_slice().expect("`new` keeps the values in row-major layout")
    }

    /// One row of features.
    pub fn row(&self, row_idx: usize) -> &[f64] {
        let n_features = self.n_features();
        &self.as_slice()[row_idx * n_features..(row_idx + 1) * n_features]
    }

    /// Milliseconds since 1970-01-01 UTC, one for each row.
    pub fn time(&self) -> Option<&[i64]> {
        self.time.as_deref()
    }

    /// 0 (normal) or 1 (anomaly), one for each row.
    pub fn labels(&self) -> Option<&[u8]> {
        self.labels.as_deref()
    }

    /// The same rows with a label for each: 0 (normal) or 1 (anomaly).
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_labels(self, labels: Vec<u8>) -> Result<Self, DetectorError> {
        let text = self.text;
        Self::new(self.columns, self.values, self.time, Some(labels)).map(|frame| Self { text, ..frame })
    }

    /// The same rows with a class for each, and the labels that follow from them.
    ///
    /// # Errors
    /// [`DetectorError::Data`] when there is not one class for each row.
    pub fn with_target(self, target: Target) -> Result<Self, DetectorError> {
        if target.codes().len() != self.n_rows() {
            return Err(DetectorError::data("there must be one class for each row"));
        }
        Ok(Self { labels: Some(target.labels()), target: Some(target), ..self })
    }

    /// The same rows with columns of words beside those of numbers.
    ///
    /// # Errors
    /// [`DetectorError::Data`] when a column has another number of rows or a name that is taken.
    pub fn with_text(self, text: Vec<TextColumn>) -> Result<Self, DetectorError> {
        if text.iter().any(|column| column.n_rows() != self.n_rows()) {
            return Err(DetectorError::data("there must be one word for each row"));
        }
        let names: Vec<String> = self.columns.iter().chain(text.iter().map(TextColumn::name_ref)).cloned().collect();
        match first_duplicate(&names) {
            Some(name) => Err(DetectorError::data(format!("the column `{name}` appears twice"))),
            None => Ok(Self { text, ..self }),
        }
    }

    /// Columns of words. Detectors do not see them; preprocessing turns them into numbers.
    pub fn text(&self) -> &[TextColumn] {
        &self.text
    }

    /// The class of each row: as given, or the labels as the classes `0` and `1`.
    pub fn target(&self) -> Option<Target> {
        self.target.clone().or_else(|| self.labels().map(Target::of_labels))
    }

    pub fn n_rows(&self) -> usize {
        self.values.nrows()
    }

    pub fn n_features(&self) -> usize {
        self.values.ncols()
    }

    /// The rows `range`, in order.
    pub fn slice_rows(&self, range: std::ops::Range<usize>) -> Self {
        self.select_rows(&range.collect::<Vec<_>>())
    }

    /// The rows of these indices, in the order given.
    pub fn select_rows(&self, rows: &[usize]) -> Self {
        Self {
            columns: self.columns.clone(),
            values: self.values.select(ndarray::Axis(0), rows),
            time: self.time.as_ref().map(|time| rows.iter().map(|row| time[*row]).collect()),
            labels: self.labels.as_ref().map(|labels| rows.iter().map(|row| labels[*row]).collect()),
            target: self.target.as_ref().map(|target| target.select(rows)),
            text: self.text.iter().map(|column| column.select(rows)).collect(),
        }
    }

    /// The same rows, times and labels with other features.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_values(&self, columns: Vec<String>, values: Array2<f64>) -> Result<Self, DetectorError> {
        let frame = Self::new(columns, values, self.time.clone(), self.labels.clone())?;
        Ok(Self { target: self.target.clone(), ..frame })
    }

    /// The same rows with the columns of numbers `numbers` and those of words `words`, in these orders; `None` when one is
    /// not there.
    pub(crate) fn with_columns(&self, numbers: &[&str], words: &[&str]) -> Option<std::borrow::Cow<'_, Self>> {
        let positions: std::collections::HashMap<&str, usize> =
            self.columns.iter().enumerate().map(|(i, name)| (name.as_str(), i)).collect();
        let order = numbers.iter().map(|name| positions.get(name).copied()).collect::<Option<Vec<_>>>()?;
        let text = words.iter().map(|name| self.text.iter().find(|column| column.name() == *name));
        let text = text.collect::<Option<Vec<_>>>()?;
        let as_they_are = order.iter().copied().eq(0..self.columns.len()) && text.iter().copied().eq(&self.text);
        if as_they_are {
            return Some(std::borrow::Cow::Borrowed(self));
        }
        Some(std::borrow::Cow::Owned(Self {
            columns: numbers.iter().map(ToString::to_string).collect(),
            values: self.values.select(ndarray::Axis(1), &order).as_standard_layout().into_owned(),
            time: self.time.clone(),
            labels: self.labels.clone(),
            target: self.target.clone(),
            text: text.into_iter().cloned().collect(),
        }))
    }
}

pub(crate) fn first_duplicate(names: &[String]) -> Option<&str> {
    let mut seen = std::collections::HashSet::new();
    names.iter().map(String::as_str).find(|name| !seen.insert(*name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn refuses_what_does_not_fit_together() {
        let build = |names: &[&str], labels: Option<Vec<u8>>| {
            let names = names.iter().map(ToString::to_string).collect();
            Frame::new(names, array![[1.0, 2.0], [3.0, 4.0]], None, labels).map_err(|error| error.to_string())
        };
        assert!(build(&["a", "b"], Some(vec![0, 1])).is_ok());
        assert_eq!(build(&["a"], None).unwrap_err(), "1 column names for 2 columns");
        assert_eq!(build(&["a", "a"], None).unwrap_err(), "the column `a` appears twice");
        assert_eq!(build(&["a", "b"], Some(vec![0, 2])).unwrap_err(), "row 2: the label must be 0 or 1");
        assert_eq!(build(&["a", "b"], Some(vec![0])).unwrap_err(), "there must be one label for each row");
    }

    #[test]
    fn columns_are_matched_by_name() {
        let frame = Frame::new(vec!["a".into(), "b".into()], array![[1.0, 2.0]], None, None).unwrap();
        assert_eq!(frame.with_columns(&["b", "a"], &[]).unwrap().row(0), [2.0, 1.0]);
        assert!(frame.with_columns(&["b", "x"], &[]).is_none());
        assert!(frame.with_columns(&["b"], &["w"]).is_none());
    }
}
