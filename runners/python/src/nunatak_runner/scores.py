"""Scoring with all that is promised of it: in parts, finite, one for each row, and the same at every call."""

from __future__ import annotations

import numpy as np

from .context import Context
from .detector import Detector
from .errors import NotReproducibleError, NumericError

#: Rows that a tabular detector scores at a time: between two parts the job can be cancelled.
CHUNK = 32_768
#: Rows whose scores are kept in the artefact and compared at loading.
SAMPLE = 64
#: Rows that are scored by themselves as well.
ALONE = 8


def score(detector: Detector, X: np.ndarray, context: Context) -> np.ndarray:
    """A tabular detector's rows in parts, a series as a whole."""
    if detector.input_kind == "SERIES" or len(X) <= CHUNK:
        context.check_cancelled()
        return checked(detector.decision_function(X), len(X))
    found = np.empty(len(X))
    for start in range(0, len(X), CHUNK):
        context.progress(start / len(X), "scoring")
        part = X[start : start + CHUNK]
        found[start : start + CHUNK] = checked(detector.decision_function(part), len(part))
    return found


def checked(scores: object, n_rows: int) -> np.ndarray:
    """A score that is not finite means that the arithmetic broke down; it must not become a label."""
    found = np.asarray(scores, dtype=np.float64).reshape(-1)
    if len(found) != n_rows:
        raise NumericError(f"the detector gave {len(found)} scores for {n_rows} rows")
    if not np.isfinite(found).all():
        wrong = ~np.isfinite(found)
        raise NumericError(
            f"{int(wrong.sum())} of {n_rows} scores are not finite, the first in row {int(np.argmax(wrong)) + 1}; "
            "are there values of extreme size?"
        )
    return np.ascontiguousarray(found)


def sample_of(detector: Detector, X: np.ndarray) -> np.ndarray:
    """The rows that a reader of the artefact can compare: spread over a table, the beginning of a series."""
    if detector.input_kind == "SERIES":
        return X[:1024].copy()
    return X[np.linspace(0, len(X) - 1, min(len(X), SAMPLE)).astype(np.int64)].copy()


def steady(detector: Detector, rows: np.ndarray) -> np.ndarray:
    """The sample's scores, which have to be the same at the second call, and of a row by itself."""
    first, second = (checked(detector.decision_function(rows), len(rows)) for _ in range(2))
    if not np.array_equal(first, second):
        raise NotReproducibleError("the detector gives the same rows other scores at the second call")
    _refuse_unless_alone(detector, rows, first)
    return first


def _refuse_unless_alone(detector: Detector, rows: np.ndarray, scores: np.ndarray) -> None:
    """A tabular row's score depends on the version and the row, not on the rows beside it."""
    if detector.input_kind == "SERIES":
        return
    for at in np.linspace(0, len(rows) - 1, min(len(rows), ALONE)).astype(np.int64):
        try:
            alone = checked(detector.decision_function(rows[at : at + 1]), 1)
        except Exception as error:
            raise NotReproducibleError("a row cannot be scored by itself, only among others") from error
        if not close(alone, scores[at : at + 1], scores):
            raise NotReproducibleError(
                "a row by itself gets another score than among others: this detector only ranks the rows of one table"
            )


def close(now: np.ndarray, then: np.ndarray, scale_of: np.ndarray) -> bool:
    """Equal but for the order in which another machine, or another number of rows, adds up."""
    scale = float(np.abs(scale_of).max(initial=0.0))
    return bool(np.allclose(now, then, rtol=1e-6, atol=1e-9 * max(scale, 1e-300)))
