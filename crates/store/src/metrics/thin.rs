//! What is shown of a series that is longer than anybody wants to read: the first point, the last, and the smallest
//! and largest of each of the equal pieces between them, so that no spike is lost.

/// The pieces between the first and the last step, as their first and last steps: as many as leave room for two
/// points each, besides the first and the last.
pub(super) fn pieces(first: i64, last: i64, max_points: usize) -> Vec<(i64, i64)> {
    let count = max_points.saturating_sub(2) / 2;
    // A series may begin at the smallest number and end at the largest.
    let (start, end) = (i128::from(first) + 1, i128::from(last));
    let bound = |place: usize| start + (end - start) * place as i128 / count as i128;
    let piece = |place: usize| {
        let (from, to) = (bound(place), bound(place + 1) - 1);
        (from <= to).then(|| Some((i64::try_from(from).ok()?, i64::try_from(to).ok()?))).flatten()
    };
    (0..count).filter_map(piece).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_cover_what_is_between_and_are_not_too_many(
            (first, last) in prop_oneof![
                (any::<i64>(), any::<i64>()),
                (-50_i64..50, -50_i64..50),
                Just((i64::MIN, i64::MAX)),
            ],
            max_points in 1_usize..40,
        ) {
            let (first, last) = (first.min(last), first.max(last));
            let pieces = pieces(first, last, max_points);
            prop_assert!(2 * pieces.len() + 2 <= max_points.max(2));
            prop_assert!(pieces.iter().all(|(from, to)| from <= to));
            prop_assert!(pieces.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0));
            if max_points >= 4 && i128::from(last) - i128::from(first) > 1 {
                prop_assert_eq!((pieces[0].0, pieces[pieces.len() - 1].1), (first + 1, last - 1));
            }
        }
    }
}
