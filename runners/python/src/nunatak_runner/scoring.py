"""A version applied to a table: PREDICT and EVALUATE."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from . import figures, metrics
from .context import Context
from .data import Table
from .model import Model
from .training import in_order


@dataclass(frozen=True)
class Applied:
    """Scores in the order of the dataset, and what they amount to."""

    scores: np.ndarray
    labels: np.ndarray
    threshold: float
    metrics: dict[str, float]
    figures: list[dict[str, Any]]

    @property
    def n_anomalies(self) -> int:
        return int(self.labels.sum())


def apply(
    model: Model, table: Table, threshold: float | None, context: Context, rows: tuple[int, int] | None = None
) -> Applied:
    """Scores `table`, by another threshold than the file's if one is given.

    `rows` (first, count) for the part of a series that was asked for: its rows are judged among all the others.
    """
    kind = type(model.detector)
    limit = model.header.threshold if threshold is None else float(threshold)
    order = np.arange(len(table.values))
    if kind.input_kind == "SERIES" and table.time is not None:
        order = np.argsort(table.time, kind="stable")
    ordered, context = in_order(kind, table, context)
    X, imputed = model.prepared(ordered)
    context.progress(0.0, "scoring")
    started = time.monotonic()
    found = np.empty(len(X))
    found[order] = model.score(X, context.part(0.0, 0.9))
    seconds = time.monotonic() - started
    if rows is not None:
        wanted = slice(rows[0], rows[0] + rows[1])
        table, found = table.rows(wanted), found[wanted]
    series = kind.input_kind == "SERIES"
    # A figure of a series goes by time, whatever the order of the file.
    drawn = np.argsort(table.time, kind="stable") if series and table.time is not None else slice(None)
    seen = table.rows(drawn)
    counted = {"score_seconds": seconds} | ({"imputed_values": float(imputed)} if imputed else {})
    judged = {} if table.labels is None else metrics.evaluate(found, table.labels, limit)
    return Applied(
        scores=found,
        labels=(found > limit).astype(np.uint8),
        threshold=limit,
        metrics=judged | counted,
        figures=figures.of_scores(found[drawn], seen.labels, limit, series=series, time=seen.time),
    )


def write(applied: Applied, path: Path) -> None:
    """The prediction's file: `score` (F64, one a row) and `label` (U8, 1 for an anomaly)."""
    safetensors.numpy.save_file({"score": applied.scores, "label": applied.labels}, path)
