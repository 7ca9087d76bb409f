"""Why rows are above the threshold: the columns that contributed most to their scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .context import Context
from .detector import Detector
from .errors import NumericError
from .scores import checked

#: Columns named for a row.
A_ROW = 3
#: Rows that are explained at most, those with the highest scores first.
MAX_ROWS = 100_000
#: Each column takes a scoring of its own: so many rows times columns at most.
MAX_SCORINGS = 50_000
#: No column, where fewer than three contributed.
NONE = np.iinfo(np.uint32).max


@dataclass(frozen=True)
class Reasons:
    """Of each of `rows` (ascending) up to three places in `columns`, with their shares in what made it anomalous."""

    columns: list[str]
    rows: np.ndarray
    column: np.ndarray
    share: np.ndarray

    def totals(self) -> dict[str, float]:
        """The mean share of each column over all rows, the largest first: what sets the anomalies apart."""
        sums = np.zeros(len(self.columns))
        named = self.column != NONE
        np.add.at(sums, self.column[named], self.share[named])
        order = np.argsort(-sums, kind="stable")
        return {self.columns[at]: float(sums[at] / len(self.rows)) for at in order if sums[at] > 0}


def rows_to_explain(scores: np.ndarray, threshold: float, n_columns: int) -> np.ndarray:
    """The rows above the threshold, the highest if there are too many; ascending."""
    most = min(max(MAX_SCORINGS // max(n_columns, 1), 1), MAX_ROWS)
    rows = np.flatnonzero(scores > threshold)
    if len(rows) > most:
        rows = np.sort(rows[np.argsort(-scores[rows], kind="stable")[:most]])
    return rows


def contributions(
    detector: Detector, X: np.ndarray, places: np.ndarray, scores: np.ndarray, typical: np.ndarray, context: Context
) -> np.ndarray:
    """What each column contributes to the scores of the rows at `places`, shape (len(places), n_columns).

    What the detector says, where it does. Else each column in turn is put at its typical value, the median of the training
    rows, and the fall of the score is what it contributed. In a series, whose rows are judged among their neighbours, the
    column is put there in all rows at once.
    """
    own = detector.contributions(X, places)
    if own is not None:
        found = np.asarray(own, dtype=np.float64)
        if found.shape != (len(places), X.shape[1]) or not np.isfinite(found).all():
            raise NumericError("the contributions to the scores are not finite, or of another shape than the rows")
        return found
    if X.shape[1] == 1:
        return np.ones((len(places), 1))
    series = detector.input_kind == "SERIES"
    base = X if series else X[places]
    found = np.empty((len(places), X.shape[1]))
    for column in range(X.shape[1]):
        context.progress(column / X.shape[1], "looking for reasons")
        changed = base.copy()
        changed[:, column] = typical[column]
        without = checked(detector.decision_function(changed), len(changed))
        found[:, column] = scores[places] - (without[places] if series else without)
    return found


def largest(found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places and shares of the three largest of each row. What makes a row less anomalous is no reason; where nothing
    makes it more, its largest movers are named."""
    weights = np.where((found > 0).any(axis=1, keepdims=True), np.maximum(found, 0.0), np.abs(found))
    order = np.argsort(-weights, axis=1, kind="stable")[:, :A_ROW]
    named = np.take_along_axis(weights, order, axis=1)
    totals = weights.sum(axis=1, keepdims=True)
    column = np.full((len(found), A_ROW), NONE, dtype=np.uint32)
    share = np.zeros((len(found), A_ROW), dtype=np.float32)
    column[:, : order.shape[1]] = np.where(named > 0, order, NONE)
    share[:, : order.shape[1]] = named / np.where(totals > 0, totals, 1.0)
    return column, share
