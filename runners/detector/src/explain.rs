//! Why a row has its score: what each feature contributed.

use ndarray::Array2;

use crate::{Context, DetectorError, FittedDetector, Frame};

/// What each feature contributes to the scores of `rows`: shape (rows.len(), n_features), positive makes a row more
/// anomalous.
///
/// Exact where the detector says so itself ([`FittedDetector::contributions`]). Else by leaving one feature out: it is put
/// at its entry of `typical` (the medians of the training rows) and the fall of the score is its contribution. For features
/// that stand in for each other this underrates each of them, since the others still carry the score.
///
/// In a series (`whole_columns`) a row's score depends on its neighbours, so the feature is put at its typical value in all
/// rows at once.
pub(crate) fn explain(
    fitted: &dyn FittedDetector,
    frame: &Frame,
    rows: &[usize],
    scores: &[f64],
    typical: &[f64],
    whole_columns: bool,
    ctx: &Context<'_>,
) -> Result<Array2<f64>, DetectorError> {
    if let Some(contributions) = fitted.contributions(frame, rows, ctx)? {
        return check(contributions, rows.len(), frame.n_features());
    }
    let mut contributions = Array2::zeros((rows.len(), frame.n_features()));
    if frame.n_features() == 1 {
        contributions.fill(1.0);
        return Ok(contributions);
    }
    let selected = if whole_columns { None } else { Some(frame.select_rows(rows)) };
    let base = selected.as_ref().unwrap_or(frame);
    for (feature, typical) in typical.iter().enumerate() {
        ctx.check_cancelled()?;
        let mut values = base.values().to_owned();
        values.column_mut(feature).fill(*typical);
        let without = fitted.score(&base.with_values(base.columns().to_vec(), values)?, ctx)?;
        for (at, row) in rows.iter().enumerate() {
            let without = without[if whole_columns { *row } else { at }];
            contributions[[at, feature]] = scores[*row] - without;
        }
    }
    Ok(contributions)
}

/// A detector's own contributions, which a plug-in may have got wrong.
fn check(contributions: Array2<f64>, n_rows: usize, n_features: usize) -> Result<Array2<f64>, DetectorError> {
    let sound = contributions.dim() == (n_rows, n_features) && contributions.iter().all(|share| share.is_finite());
    if sound {
        Ok(contributions)
    } else {
        Err(DetectorError::numeric("the contributions to the scores are not finite"))
    }
}
