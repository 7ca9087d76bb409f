"""A version applied to a table: PREDICT and EVALUATE."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from . import figures, metrics, reasons
from .context import Context
from .data import Table
from .model import Model
from .reasons import Reasons
from .training import in_order


@dataclass(frozen=True)
class Applied:
    """Scores in the order of the dataset, and what they amount to."""

    scores: np.ndarray
    labels: np.ndarray
    threshold: float
    metrics: dict[str, float]
    figures: list[dict[str, Any]]
    reasons: Reasons | None

    @property
    def n_anomalies(self) -> int:
        return int(self.labels.sum())


def apply(
    model: Model,
    table: Table,
    threshold: float | None,
    context: Context,
    rows: tuple[int, int] | None = None,
    *,
    explain: bool = True,
) -> Applied:
    """Scores `table`, by another threshold than the file's if one is given.

    `rows` (first, count) for the part of a series that was asked for: its rows are judged among all the others.
    """
    limit = model.header.threshold if threshold is None else float(threshold)
    series = model.detector.input_kind == "SERIES"
    # The rows of the file in the order in which the detector sees them.
    order = np.arange(len(table.values))
    if series and table.time is not None:
        order = np.argsort(table.time, kind="stable")
    ordered, context = in_order(type(model.detector), table, context)
    X, imputed = model.prepared(ordered)
    context.progress(0.0, "scoring")
    started = time.monotonic()
    seen = model.score(X, context.part(0.0, 0.7))
    seconds = time.monotonic() - started
    places = np.argsort(order, kind="stable")[slice(None) if rows is None else slice(rows[0], rows[0] + rows[1])]
    found = seen[places]
    why = _reasons(model, X, seen, places, limit, context.part(0.7, 1.0)) if explain else None

    table = table if rows is None else table.rows(slice(rows[0], rows[0] + rows[1]))
    # A figure of a series goes by time, whatever the order of the file.
    drawn = np.argsort(places, kind="stable")
    shown = table.rows(drawn)
    counted = {"score_seconds": seconds} | ({"imputed_values": float(imputed)} if imputed else {})
    judged = {} if table.labels is None else metrics.evaluate(found, table.labels, limit)
    drawings = figures.of_scores(found[drawn], shown.labels, limit, series=series, time=shown.time)
    if why is not None and len(why.rows):
        drawings.append(figures.reasons(why.totals()))
    labels = (found > limit).astype(np.uint8)
    return Applied(found, labels, limit, judged | counted, drawings, why)


def _reasons(model: Model, X: np.ndarray, seen: np.ndarray, places: np.ndarray, limit: float, context: Context) -> Reasons:
    rows = reasons.rows_to_explain(seen[places], limit, X.shape[1])
    if not len(rows):
        column, share = reasons.largest(np.zeros((0, X.shape[1])))
    else:
        typical = np.asarray(model.header.typical)
        column, share = reasons.largest(reasons.contributions(model.detector, X, places[rows], seen, typical, context))
    return Reasons(model.header.columns, rows, column, share)


def write(applied: Applied, path: Path) -> None:
    """The prediction's file: `score` (F64, one a row), `label` (U8, 1 for an anomaly), and where there are reasons
    `reason_row`, `reason_column` and `reason_share`."""
    tensors = {"score": applied.scores, "label": applied.labels}
    why, metadata = applied.reasons, None
    if why is not None and len(why.rows):
        tensors |= {"reason_row": why.rows.astype(np.uint64), "reason_column": why.column, "reason_share": why.share}
        metadata = {"columns": json.dumps(why.columns)}
    safetensors.numpy.save_file(tensors, path, metadata)
