use super::PointRecord;

/// A series on its way through: what is kept of it never exceeds `max_points`.
#[derive(Debug)]
pub(super) struct Thinned {
    kept: Vec<PointRecord>,
    max_points: usize,
    /// How many points a piece has; `None` where all are kept.
    piece: Option<usize>,
    seen: usize,
    /// Smallest and largest of the piece at hand.
    extremes: Option<(PointRecord, PointRecord)>,
    last: Option<PointRecord>,
}

impl Thinned {
    pub(super) fn new(expected: usize, max_points: usize) -> Self {
        // First and last are kept besides; each piece gives two.
        let pieces = max_points.saturating_sub(2) / 2;
        let piece = (expected > max_points).then(|| expected.div_ceil(pieces.max(1)));
        Self { kept: Vec::new(), max_points, piece, seen: 0, extremes: None, last: None }
    }

    pub(super) fn push(&mut self, point: PointRecord) {
        self.seen += 1;
        self.last = Some(point);
        let Some(piece) = self.piece else { return self.keep(point) };
        if self.seen == 1 {
            return self.keep(point);
        }
        self.extremes = Some(match self.extremes {
            None => (point, point),
            // A NaN gives way to any number.
            Some((low, high)) => (
                if point.value < low.value || low.value.is_nan() { point } else { low },
                if point.value > high.value || high.value.is_nan() { point } else { high },
            ),
        });
        if self.seen.is_multiple_of(piece) {
            self.close_piece();
        }
    }

    /// Room is left for the last point.
    fn keep(&mut self, point: PointRecord) {
        let room = self.max_points - usize::from(self.piece.is_some());
        if self.kept.len() < room {
            self.kept.push(point);
        }
    }

    fn close_piece(&mut self) {
        let Some((low, high)) = self.extremes.take() else { return };
        let (first, second) = if low.step <= high.step { (low, high) } else { (high, low) };
        self.keep(first);
        if first.step != second.step {
            self.keep(second);
        }
    }

    pub(super) fn finish(mut self) -> Vec<PointRecord> {
        self.close_piece();
        if let Some(last) = self.last.filter(|last| self.kept.last().is_none_or(|kept| kept.step < last.step)) {
            self.kept.push(last);
        }
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use nunatak_domain::Timestamp;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_thinned_series_keeps_its_ends_and_extremes(
            values in proptest::collection::vec(prop_oneof![9 => -1e3..1e3_f64, 1 => Just(f64::NAN)], 1..400),
            max_points in 1..60_usize,
        ) {
            let point = |(step, value)| PointRecord { step, at: Timestamp::from_micros(step), value };
            let series: Vec<_> = (0..).zip(values).map(point).collect();
            let mut thinned = Thinned::new(series.len(), max_points);
            series.iter().for_each(|point| thinned.push(*point));
            let kept = thinned.finish();
            prop_assert!(kept.len() <= max_points);
            prop_assert!(kept.windows(2).all(|pair| pair[0].step < pair[1].step));
            prop_assert_eq!(kept.last().unwrap().step, series.last().unwrap().step);
            if series.len() <= max_points {
                prop_assert_eq!(kept.len(), series.len());
            } else if max_points >= 4 {
                let highest = |points: &[PointRecord]| points.iter().map(|p| p.value).fold(f64::NAN, f64::max);
                prop_assert_eq!(highest(&kept).to_bits(), highest(&series).to_bits());
                prop_assert_eq!(kept[0].step, 0);
            }
        }
    }
}
