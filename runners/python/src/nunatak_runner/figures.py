"""Plots of a run as Vega-Lite documents with their data inside, by the names that the built-in runner gives them."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import metrics

#: No figure holds more points than this: a figure is for looking at, not for data.
MAX_POINTS = 500
N_BINS = 40
NORMAL, ANOMALY = "#4c78a8", "#e45756"

Figure = dict[str, Any]


def of_scores(
    scores: np.ndarray, labels: np.ndarray | None, threshold: float, *, series: bool, time: np.ndarray | None
) -> list[Figure]:
    """Every figure that the data allow: curves need labels of both kinds, the score over time a series."""
    figures = [score_histogram(scores, labels, threshold)]
    if labels is not None and metrics.class_sizes(labels):
        figures += [roc_curve(scores, labels), precision_recall_curve(scores, labels)]
    if series:
        figures.append(score_series(scores, time, threshold))
    return figures


def score_histogram(scores: np.ndarray, labels: np.ndarray | None, threshold: float) -> Figure:
    """How many rows have which score, by label where there are labels, with a rule at the threshold."""
    low, high = float(scores.min()), float(scores.max())
    width = max(high / N_BINS - low / N_BINS, np.finfo(float).tiny)
    bins = np.clip((scores / width - low / width).astype(np.int64), 0, N_BINS - 1)
    faults = np.zeros(len(scores), dtype=bool) if labels is None else labels == 1
    values = []
    counts = [np.bincount(bins[~faults], minlength=N_BINS), np.bincount(bins[faults], minlength=N_BINS)]
    for at in range(N_BINS):
        for name, count in zip(("normal", "anomaly"), counts, strict=True):
            if count[at]:
                edge = low + width * at
                label = "row" if labels is None else name
                values.append({"from": edge, "to": edge + width, "label": label, "rows": int(count[at])})
    scale = {"domain": ["normal", "anomaly"], "range": [NORMAL, ANOMALY]}
    by_label = {"field": "label", "type": "nominal", "title": "label", "scale": scale}
    bars = {
        "data": {"values": values},
        "mark": {"type": "bar", "tooltip": True},
        "encoding": {
            "x": _axis("from", "score") | {"bin": {"binned": True}, "scale": {"zero": False}},
            "x2": {"field": "to"},
            "y": _axis("rows", "rows (log scale)") | {"stack": None, "scale": {"type": "symlog"}},
            "opacity": {"value": 0.75},
            "color": {"value": NORMAL} if labels is None else by_label,
        },
    }
    return _figure("score_histogram", "Distribution of scores", {"layer": [bars, _rule("x", threshold)]})


def roc_curve(scores: np.ndarray, labels: np.ndarray) -> Figure:
    """True positive rate over false positive rate."""
    _, anomalies, normals = metrics.steps(scores, labels)
    tpr = np.concatenate([[0.0], np.cumsum(anomalies) / anomalies.sum()])
    fpr = np.concatenate([[0.0], np.cumsum(normals) / normals.sum()])
    spec = _curve({"fpr": fpr, "tpr": tpr}, ("fpr", "false positive rate"), ("tpr", "true positive rate"))
    return _figure("roc_curve", "ROC curve", spec)


def precision_recall_curve(scores: np.ndarray, labels: np.ndarray) -> Figure:
    """Precision over recall."""
    _, anomalies, normals = metrics.steps(scores, labels)
    hits = np.cumsum(anomalies)
    points = {"recall": hits / anomalies.sum(), "precision": hits / (hits + np.cumsum(normals))}
    spec = _curve(points, ("recall", "recall"), ("precision", "precision"))
    return _figure("precision_recall_curve", "Precision-recall curve", spec)


def score_series(scores: np.ndarray, time: np.ndarray | None, threshold: float) -> Figure:
    """The score over time. Long series keep the highest score of each stretch, so that no peak is lost."""
    stretch = max(-(-len(scores) // MAX_POINTS), 1)
    values = []
    for start in range(0, len(scores), stretch):
        row = start + int(np.argmax(scores[start : start + stretch]))
        values.append({"x": row + 1 if time is None else int(time[row]), "score": float(scores[row])})
    x = {"field": "x", "type": "quantitative", "title": "row"}
    if time is not None:
        x = {"field": "x", "type": "temporal", "title": "time"}
    line = {
        "data": {"values": values},
        "mark": {"type": "line", "tooltip": True},
        "encoding": {"x": x, "y": _axis("score", "score") | {"scale": {"zero": False}}},
    }
    return _figure("score_series", "Score over time", {"layer": [line, _rule("y", threshold)]})


def reasons(totals: dict[str, float]) -> Figure:
    """Which columns set the anomalies apart."""
    values = [{"feature": name[:60], "importance": share} for name, share in list(totals.items())[:30]]
    encoding = {
        "y": {"field": "feature", "type": "nominal", "title": None, "sort": None},
        "x": _axis("importance", "mean share"),
    }
    bars = {"mark": {"type": "bar", "tooltip": True, "color": NORMAL}, "encoding": encoding}
    title = "Reasons of the anomalies: mean share of each column"
    return _figure("reasons", title, {"data": {"values": values}} | bars)


def _curve(points: dict[str, np.ndarray], x: tuple[str, str], y: tuple[str, str]) -> dict[str, Any]:
    length = len(points[x[0]])
    kept = np.unique(np.linspace(0, length - 1, min(length, MAX_POINTS)).astype(np.int64))
    values = [{name: float(column[at]) for name, column in points.items()} for at in kept]
    unit = {"scale": {"domain": [0, 1]}}
    encoding = {"x": _axis(*x) | unit, "y": _axis(*y) | unit, "order": {"field": x[0], "type": "quantitative"}}
    mark = {"type": "line", "interpolate": "linear", "tooltip": True}
    return {"data": {"values": values}, "mark": mark, "encoding": encoding}


def _axis(field: str, title: str) -> dict[str, Any]:
    return {"field": field, "type": "quantitative", "title": title}


def _rule(channel: str, threshold: float) -> dict[str, Any]:
    return {
        "data": {"values": [{"threshold": threshold}]},
        "mark": {"type": "rule", "strokeDash": [6, 4], "color": "#333", "tooltip": True},
        "encoding": {channel: {"field": "threshold", "type": "quantitative"}},
    }


def _figure(name: str, title: str, spec: dict[str, Any]) -> Figure:
    schema = "https://vega.github.io/schema/vega-lite/v5.json"
    whole = {"$schema": schema, "title": title, "description": title, "width": "container", "height": 260}
    return {"name": name, "title": title, "spec": whole | spec}
