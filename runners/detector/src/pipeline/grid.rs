//! Series whose rows are not equally spaced.
//!
//! Series detectors count rows, so a row must stand for the same span of time everywhere. Rows are put in time order; a
//! gap is filled by straight lines, scored like the rest, and the filled rows' scores are dropped.

use ndarray::Array2;

use super::Report;
use crate::{DetectorError, Frame};

/// A longer gap is filled only so far: what a detector remembers has faded by then.
const MAX_GAP: usize = 2_000;

/// A frame in equal steps.
#[derive(Debug)]
pub(crate) struct Regular {
    pub(crate) frame: Frame,
    /// For each row as it came, its place in `frame`.
    places: Vec<usize>,
    pub(crate) report: Report,
}

/// The median time between rows, in milliseconds; `None` where there are no two times.
pub(crate) fn step_of(time: &[i64]) -> Option<i64> {
    let mut sorted = time.to_vec();
    sorted.sort_unstable();
    let mut steps: Vec<i64> = sorted.windows(2).map(|pair| pair[1] - pair[0]).filter(|step| *step > 0).collect();
    let middle = steps.len() / 2;
    (!steps.is_empty()).then(|| *steps.select_nth_unstable(middle).1)
}

impl Regular {
    /// The rows of `frame` in time order and steps of `step` milliseconds.
    pub(crate) fn of(frame: &Frame, step: i64) -> Result<Option<Self>, DetectorError> {
        let Some(time) = frame.time() else { return Ok(None) };
        let mut order: Vec<usize> = (0..time.len()).collect();
        order.sort_by_key(|row| time[*row]);
        let moved = order.iter().enumerate().filter(|(i, row)| i != *row).count();
        // How many slots each row is behind the one before; a row that comes early or twice gets the next slot.
        let behind = |pair: &[usize]| {
            let span = (time[pair[1]].saturating_sub(time[pair[0]])) as f64 / step as f64;
            (span.round() as usize).max(1)
        };
        let distances: Vec<usize> = order.windows(2).map(behind).collect();
        let gaps = distances.iter().filter(|distance| **distance > 1).count();
        if moved == 0 && gaps == 0 {
            return Ok(None);
        }
        let filled: usize = distances.iter().map(|distance| (distance - 1).min(MAX_GAP)).sum();
        let n_features = frame.n_features();
        let mut values = Vec::with_capacity((order.len() + filled) * n_features);
        let mut times = Vec::with_capacity(order.len() + filled);
        let mut places = vec![0; order.len()];
        for (i, row) in order.iter().enumerate() {
            if i > 0 {
                let before = order[i - 1];
                let missing = (distances[i - 1] - 1).min(MAX_GAP);
                for k in 1..=missing {
                    let share = k as f64 / (missing + 1) as f64;
                    let (from, to) = (frame.row(before), frame.row(*row));
                    values.extend(from.iter().zip(to).map(|(a, b)| a + (b - a) * share));
                    times.push(time[before] + ((time[*row] - time[before]) as f64 * share) as i64);
                }
            }
            places[*row] = times.len();
            values.extend_from_slice(frame.row(*row));
            times.push(time[*row]);
        }
        let values = Array2::from_shape_vec((times.len(), n_features), values)
            .map_err(|error| DetectorError::data(format!("the rows do not form a table: {error}")))?;
        let report = [("series_gaps", gaps), ("series_filled_rows", filled), ("series_reordered_rows", moved)];
        let report = report.map(|(name, count)| (name.to_owned(), count as f64)).into();
        let frame = Frame::new(frame.columns().to_vec(), values, Some(times), None)?;
        Ok(Some(Self { frame, places, report }))
    }

    /// What belongs to the rows as they came.
    pub(crate) fn back<T: Copy>(&self, of_regular: &[T]) -> Vec<T> {
        self.places.iter().map(|place| of_regular[*place]).collect()
    }

    /// Where each row as it came lies in [`frame`](Self::frame).
    pub(crate) fn places(&self) -> &[usize] {
        &self.places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_filled_by_lines_and_rows_put_in_order() {
        let values = Array2::from_shape_vec((4, 1), vec![0.0, 6.0, 3.0, 7.0]).unwrap();
        // The third row belongs between the first two; three steps are missing before the last but one.
        let frame = Frame::new(vec!["a".into()], values, Some(vec![0, 41, 10, 50]), None).unwrap();
        assert_eq!(step_of(frame.time().unwrap()), Some(10));
        let regular = Regular::of(&frame, 10).unwrap().unwrap();
        let column = regular.frame.values().column(0).to_vec();
        assert_eq!(column, [0.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
        assert_eq!(regular.back(&column), [0.0, 6.0, 3.0, 7.0]);
        assert_eq!(regular.report["series_filled_rows"], 2.0);
        assert_eq!(regular.report["series_gaps"], 1.0);
        assert_eq!(regular.report["series_reordered_rows"], 2.0);
    }

    #[test]
    fn equal_steps_stay_as_they_are() {
        let values = Array2::zeros((3, 1));
        let frame = Frame::new(vec!["a".into()], values, Some(vec![0, 10, 21]), None).unwrap();
        assert!(Regular::of(&frame, 10).unwrap().is_none());
        assert_eq!(step_of(&[5, 5, 5]), None);
    }
}
