"""Scores of rows by fits that did not see them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..context import Context
from ..errors import DataError, HyperparameterError, NumericError
from .options import Options

#: Above, one split serves as well as cross-fitting and costs one fit.
CROSS_FIT_ROWS = 20_000
CROSS_FIT_SERIES_ROWS = 100_000
#: Rows held back by a split at most: enough for a rate of one in ten thousand.
SPLIT_ROWS = 50_000
#: With fewer, a part would be too small to learn from.
MIN_ROWS = 20
#: Rows before and after a stretch that a series detector is given with it, so that its windows are whole.
MARGIN = 2_048

#: `fit_and_score(learn, score, context)`: the scores of the rows `score` by a fit on the rows `learn`.
FitAndScore = Callable[[np.ndarray, np.ndarray, Context], np.ndarray]


@dataclass(frozen=True)
class HeldOut:
    """Held-back rows and their scores."""

    rows: np.ndarray
    scores: np.ndarray
    #: cross_fit, split or training.
    source: str


def held_out(
    n_rows: int,
    fit_and_score: FitAndScore,
    options: Options,
    context: Context,
    *,
    is_series: bool,
    shuffled_by: int | None = None,
) -> HeldOut | None:
    """None where there are too few rows, or a part cannot be learned from (a window longer than it).

    Rows are held back in stretches as they come: neighbouring rows of a process resemble each other, and a row that is
    held back between two that are not is hardly held back. `shuffled_by` a seed where every part must have all classes.
    """
    if n_rows < MIN_ROWS:
        return None
    few = n_rows <= (CROSS_FIT_SERIES_ROWS if is_series else CROSS_FIT_ROWS)
    cross = options.calibration == "cross_fit" or (options.calibration == "auto" and few)
    order = np.arange(n_rows)
    if shuffled_by is not None and not is_series:
        order = np.random.default_rng(shuffled_by).permutation(n_rows)
    parts = _parts(order, cross, is_series, options.folds)
    rows, scores = [], []
    for at, (learn, score) in enumerate(parts):
        inside = context.part(at / len(parts), (at + 1) / len(parts), quiet=True)
        inside.check_cancelled()
        try:
            found = _stretch(fit_and_score, learn, score, n_rows, inside) if is_series else fit_and_score(learn, score, inside)
        except (DataError, HyperparameterError):
            # What a part is too small for is no fault of the whole.
            return None
        rows.append(score)
        scores.append(found)
    rows, scores = np.concatenate(rows), np.concatenate(scores)
    if not np.isfinite(scores).all():
        raise NumericError("held-back rows have scores that are not finite; are there extreme values?")
    ascending = np.argsort(rows, kind="stable")
    return HeldOut(rows[ascending], scores[ascending], "cross_fit" if cross else "split")


def _parts(order: np.ndarray, cross: bool, is_series: bool, folds: int) -> list[tuple[np.ndarray, np.ndarray]]:
    n_rows = len(order)
    if cross and is_series:
        # One part at either end: one in the middle would leave two rests that meet at a jump that never was.
        length = n_rows // folds
        return [(order[length:], order[:length]), (order[: n_rows - length], order[n_rows - length :])]
    if cross:
        edges = [at * n_rows // folds for at in range(folds + 1)]
        ranges = [(low, high) for low, high in zip(edges, edges[1:], strict=False) if high > low]
        return [(np.sort(np.delete(order, slice(low, high))), np.sort(order[low:high])) for low, high in ranges]
    held = min(n_rows // 5, SPLIT_ROWS)
    return [(np.sort(order[: n_rows - held]), np.sort(order[n_rows - held :]))]


def _stretch(fit_and_score: FitAndScore, learn: np.ndarray, score: np.ndarray, n_rows: int, context: Context) -> np.ndarray:
    """The stretch is scored with what lies around it; only its own rows' scores are kept."""
    start = max(int(score[0]) - MARGIN, 0)
    stop = min(int(score[-1]) + 1 + MARGIN, n_rows)
    around = fit_and_score(learn, np.arange(start, stop), context)
    return around[score - start]
