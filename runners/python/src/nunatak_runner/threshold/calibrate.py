"""From scores of held-back rows to a threshold, and what it would be for other rates."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .. import metrics
from ..errors import HyperparameterError, NumericError
from .held_out import HeldOut
from .options import Options
from .tail import Upper

#: The lowest rate on the curve: there the tail is extrapolated.
LOWEST_RATE = 1e-6
#: Points of the curve for each factor of ten.
POINTS_A_DECADE = 8
#: 1.4826 times the MAD of normal data is its standard deviation.
MAD_TO_DEVIATION = 1.482_602_218_505_602


@dataclass(frozen=True)
class Calibration:
    """What a version knows of its threshold, besides the number itself. `setThreshold` reads the curve."""

    method: str
    #: cross_fit, split, or training where there were too few rows to hold any back.
    rows_from: str
    n_rows: int
    #: The fraction of normal rows of the same source that will exceed the threshold.
    expected_false_alarm_rate: float
    #: Pairs [false-alarm rate, threshold], rates descending.
    curve: list[list[float]]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def calibrate(
    options: Options, contamination: float, held: HeldOut, training_scores: np.ndarray, labels: np.ndarray | None
) -> tuple[float, Calibration]:
    """The threshold by `options`. `labels` and `training_scores` have one entry for each row of the table."""
    held_labels = None if labels is None else labels[held.rows]
    normal = held.scores
    if held_labels is not None and (held_labels == 0).any():
        normal = held.scores[held_labels == 0]
    upper = Upper(normal)
    threshold = _threshold(options, contamination, held, training_scores, held_labels, upper)
    if not math.isfinite(threshold):
        raise NumericError("the threshold is not finite; are there values of extreme size?")
    steps = int(-math.log10(LOWEST_RATE) * POINTS_A_DECADE)
    rates = [10.0 ** (-at / POINTS_A_DECADE) for at in range(2, steps + 1)]
    curve = [[rate, value] for rate in rates if math.isfinite(value := upper.threshold(rate))]
    return threshold, Calibration(options.method, held.source, len(held.scores), upper.rate(threshold), curve)


def _threshold(
    options: Options,
    contamination: float,
    held: HeldOut,
    training_scores: np.ndarray,
    labels: np.ndarray | None,
    upper: Upper,
) -> float:
    match options.method:
        case "contamination":
            return _upper_quantile(held, training_scores, 1.0 - contamination)
        case "quantile":
            return _upper_quantile(held, training_scores, options.quantile)
        case "false_alarm_rate":
            return upper.threshold(options.false_alarm_rate)
        case "pot":
            return upper.extrapolated(options.false_alarm_rate)
        case "mad":
            median = metrics.quantile(held.scores, 0.5)
            distance = metrics.quantile(np.abs(held.scores - median), 0.5)
            return median + options.factor * MAD_TO_DEVIATION * distance
    found = None
    if labels is not None and options.method == "best_f1":
        best = metrics.best_f1(held.scores, labels)
        found = None if best is None else best[1]
    elif labels is not None:
        found = metrics.cheapest(held.scores, labels, options.false_alarm_cost, options.miss_cost)
    if found is None:
        raise HyperparameterError(
            "threshold.method",
            "the methods `best_f1` and `cost` need labels of both kinds, 0 and 1; choose another or name a label column",
        )
    return found


def _upper_quantile(held: HeldOut, training: np.ndarray, q: float) -> float:
    """The quantile of the training scores plus their optimism (Efron 1983): how much higher held-back rows score than
    the same rows do in training. Never below the training's: where many rows share a score, the fits on parts give it
    slightly different values, and a threshold among these would cut through equals."""
    optimism = metrics.quantile(held.scores, q) - metrics.quantile(training[held.rows], q)
    return metrics.quantile(training, q) + max(optimism, 0.0)
