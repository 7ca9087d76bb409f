"""How well scores agree with labels. Definitions and names are those of the built-in runner, of scikit-learn and of PyOD."""

from __future__ import annotations

import math

import numpy as np


def evaluate(scores: np.ndarray, labels: np.ndarray, threshold: float) -> dict[str, float]:
    """All metrics of `scores` against `labels` (1 = anomaly). What is undefined is left out instead of being NaN."""
    best = best_f1(scores, labels)
    found = {
        "roc_auc": roc_auc(scores, labels),
        "average_precision": average_precision(scores, labels),
        "best_f1": None if best is None else best[0],
        "best_f1_threshold": None if best is None else best[1],
        "precision_at_n": precision_at_n(scores, labels),
    }
    flagged = scores > threshold
    hits, alarms, anomalies = int((flagged & (labels == 1)).sum()), int(flagged.sum()), int((labels == 1).sum())
    for name, part, whole in (
        ("precision", hits, alarms),
        ("recall", hits, anomalies),
        ("f1", 2 * hits, alarms + anomalies),
    ):
        found[name] = part / whole if whole else None
    return {name: value for name, value in found.items() if value is not None}


def steps(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct scores, highest first, with how many anomalies and normal rows have each."""
    distinct, place = np.unique(scores, return_inverse=True)
    anomalies = np.bincount(place, weights=labels == 1, minlength=len(distinct))
    normals = np.bincount(place, weights=labels != 1, minlength=len(distinct))
    return distinct[::-1], anomalies[::-1], normals[::-1]


def class_sizes(labels: np.ndarray) -> tuple[int, int] | None:
    """Numbers of anomalies and of normal rows; None when there is only one kind."""
    anomalies = int((labels == 1).sum())
    normals = len(labels) - anomalies
    return (anomalies, normals) if anomalies and normals else None


def roc_auc(scores: np.ndarray, labels: np.ndarray) -> float | None:
    """The probability that an anomaly scores higher than a normal row, ties counting half."""
    sizes = class_sizes(labels)
    if sizes is None:
        return None
    _, anomalies, normals = steps(scores, labels)
    below = np.cumsum(normals[::-1])[::-1] - normals
    return float((anomalies * (below + normals / 2)).sum() / (sizes[0] * sizes[1]))


def average_precision(scores: np.ndarray, labels: np.ndarray) -> float | None:
    """Sum over distinct scores of (recall step) x precision, without interpolation."""
    sizes = class_sizes(labels)
    if sizes is None:
        return None
    _, anomalies, normals = steps(scores, labels)
    hits = np.cumsum(anomalies)
    return float((anomalies / sizes[0] * (hits / (hits + np.cumsum(normals)))).sum())


def best_f1(scores: np.ndarray, labels: np.ndarray) -> tuple[float, float] | None:
    """The best F1 that any threshold reaches, and the highest threshold that does."""
    sizes = class_sizes(labels)
    if sizes is None:
        return None
    distinct, anomalies, normals = steps(scores, labels)
    f1 = 2 * np.cumsum(anomalies) / (np.cumsum(anomalies + normals) + sizes[0])
    at = int(np.argmax(f1))
    return float(f1[at]), _below(distinct, at)


def cheapest(scores: np.ndarray, labels: np.ndarray, false_alarm_cost: float, miss_cost: float) -> float | None:
    """The highest threshold with the lowest total cost."""
    sizes = class_sizes(labels)
    if sizes is None:
        return None
    distinct, anomalies, normals = steps(scores, labels)
    costs = np.cumsum(normals) * false_alarm_cost + (sizes[0] - np.cumsum(anomalies)) * miss_cost
    at = int(np.argmin(costs))
    # To flag nothing is a choice as well.
    return float(distinct[0]) if costs[at] >= sizes[0] * miss_cost else _below(distinct, at)


def precision_at_n(scores: np.ndarray, labels: np.ndarray) -> float | None:
    """The precision of flagging as many rows as there are anomalies."""
    sizes = class_sizes(labels)
    if sizes is None:
        return None
    flagged = scores > quantile(scores, 1.0 - sizes[0] / len(labels))
    return float((labels[flagged] == 1).mean()) if flagged.any() else 0.0


def quantile(values: np.ndarray, q: float) -> float:
    """With linear interpolation between order statistics, as NumPy's default; NaN for no values."""
    return float(np.quantile(values, min(max(q, 0.0), 1.0))) if len(values) else math.nan


def _below(distinct: np.ndarray, at: int) -> float:
    """Exceeding the next lower score is the same as reaching this one."""
    return float(distinct[at + 1]) if at + 1 < len(distinct) else float(np.nextafter(distinct[at], -math.inf))
