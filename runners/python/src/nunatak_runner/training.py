"""From a table to a trained version."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import artifact, environment, figures, metrics, scores, settings, threshold
from .context import Context
from .data import Table
from .detector import Detector, State
from .errors import ArtifactError, DataError, NotReproducibleError
from .model import restore
from .preprocessing import Preparation


@dataclass(frozen=True)
class Trained:
    """What a training gives besides the file."""

    hyperparameters: dict[str, Any]
    parameters: dict[str, Any]
    metrics: dict[str, float]
    figures: list[dict[str, Any]]
    threshold: float
    input_schema: list[dict[str, Any]]
    n_rows: int


def train(kind: type[Detector], table: Table, hyperparameters: Any, seed: int, context: Context, path: Path) -> Trained:
    """Fits on all rows, sets the threshold on rows held back from further fits, and writes the artefact to `path`."""
    chosen = settings.resolve(kind, hyperparameters)
    table, context = in_order(kind, table, context)
    _check(kind, table)
    preparation = Preparation.learn(chosen.preprocessing, table.values, table.columns, takes_missing=kind.takes_missing)
    X, imputed = preparation.apply(table.values, table.columns)

    context.progress(0.0, "fitting")
    started = time.monotonic()
    detector = fit(kind, chosen.own, X, table.labels, seed, context.part(0.0, 0.4))
    fit_seconds = time.monotonic() - started

    context.progress(0.4, "scoring the training rows")
    started = time.monotonic()
    found = scores.checked(detector.training_scores(X), len(X))
    score_seconds = time.monotonic() - started
    sample = scores.sample_of(detector, X)
    expected = scores.steady(detector, sample)

    context.progress(0.5, "calibrating the threshold on held-back rows")
    held = _hold_out(kind, chosen, X, table.labels, seed, found, context.part(0.5, 0.9))
    limit, calibration = threshold.calibrate(chosen.threshold, chosen.contamination, held, found, table.labels)

    context.progress(0.9, "writing the version")
    header = artifact.Header(
        detector=kind.name,
        detector_version=kind.version,
        input_schema=[_column(name, nullable=preparation.nullable) for name in table.columns],
        hyperparameters=chosen.everything,
        seed=seed,
        preprocessing=preparation.to_json(),
        threshold=limit,
        contamination=chosen.contamination,
        calibration=calibration.to_json(),
        trained_rows=len(X),
        typical=np.nanmedian(X, axis=0).tolist(),
        environment=environment.versions(),
        state={},
    )
    _keep(detector, header, chosen.own, X, (sample, expected), path)

    judged = held if kind.learns_from_labels else None
    return Trained(
        hyperparameters=chosen.everything,
        parameters={"n_features_in": X.shape[1]} | detector.parameters() | {"calibration_": calibration.to_json()},
        metrics=_metrics(found, table.labels, limit, judged)
        | {
            "expected_false_alarm_rate": calibration.expected_false_alarm_rate,
            "fit_seconds": fit_seconds,
            "score_seconds": score_seconds,
        }
        | ({"imputed_values": float(imputed)} if imputed else {}),
        figures=figures.of_scores(found, table.labels, limit, series=kind.input_kind == "SERIES", time=table.time),
        threshold=limit,
        input_schema=header.input_schema,
        n_rows=len(X),
    )


def in_order(kind: type[Detector], table: Table, context: Context) -> tuple[Table, Context]:
    """A series by time; the context with the names of its columns."""
    if kind.input_kind == "SERIES" and table.time is not None:
        table = table.rows(np.argsort(table.time, kind="stable"))
    time_of = table.time if kind.input_kind == "SERIES" else None
    return table, Context(table.columns, time_of, context.tell, context.cancelled, context.span, context.quiet)


def fit(
    kind: type[Detector], own: Mapping[str, Any], X: np.ndarray, y: np.ndarray | None, seed: int, context: Context
) -> Detector:
    """A detector fitted on `X`. Whoever draws from NumPy's global generator gets the same numbers in every run."""
    context.check_cancelled()
    detector = kind.make(dict(own))
    detector.run_seed = seed
    np.random.seed(seed & 0xFFFF_FFFF)  # noqa: NPY002 (for libraries that ask the global one)
    detector.fit(X, y if kind.learns_from_labels else None, seed=seed, context=context)
    return detector


def _check(kind: type[Detector], table: Table) -> None:
    n_rows, n_columns = table.values.shape
    if n_rows < 2:
        raise DataError(f"the table has {n_rows} rows; training needs at least 2")
    if n_columns == 0:
        raise DataError("the table has no feature column: nothing but label and time columns")
    if kind.learns_from_labels:
        if table.labels is None:
            raise DataError(f"the table has no classes to learn from: `{kind.name}` needs a label column")
        if metrics.class_sizes(table.labels) is None:
            raise DataError("all rows are of one class; there is nothing to tell apart")


def _hold_out(
    kind: type[Detector],
    chosen: settings.Settings,
    X: np.ndarray,
    y: np.ndarray | None,
    seed: int,
    found: np.ndarray,
    context: Context,
) -> threshold.HeldOut:
    """Scores of held-back rows; those of the training, and saying so, where there are too few to hold any back."""

    def fit_and_score(learn: np.ndarray, score: np.ndarray, inside: Context) -> np.ndarray:
        labels = None if y is None else y[learn]
        detector = fit(kind, chosen.own, X[learn], labels, seed, inside.of_rows(learn))
        return scores.score(detector, X[score], inside)

    held = threshold.held_out(
        len(X),
        fit_and_score,
        chosen.threshold,
        context,
        is_series=kind.input_kind == "SERIES",
        shuffled_by=seed & 0xFFFF_FFFF if kind.learns_from_labels else None,
    )
    return held or threshold.HeldOut(np.arange(len(X)), found, "training")


def _keep(
    detector: Detector,
    header: artifact.Header,
    own: dict[str, Any],
    X: np.ndarray,
    sample: tuple[np.ndarray, np.ndarray],
    path: Path,
) -> None:
    """Writes the file and reads it back: what is registered is what scores as the fit did, bit for bit."""
    rows, expected = sample
    for state in states(detector, X):
        whole = artifact.Header(**(vars(header) | {"state": state.data}))
        artifact.encode(artifact.Artifact(whole, state.arrays, rows, expected), path)
        try:
            again = restore(type(detector), own, artifact.decode(path), header.seed)
        except ArtifactError:
            continue
        if np.array_equal(expected, scores.checked(again.decision_function(rows), len(rows))):
            return
    raise NotReproducibleError(
        "the version that was saved does not score as the one that was trained: this detector cannot be kept"
    )


def states(detector: Detector, X: np.ndarray) -> list[State]:
    """What may be kept, the best first: a detector of a library may have more than one way."""
    ways = getattr(detector, "ways_to_save", None)
    return list(ways(X)) if ways else [detector.save()]


def _metrics(found: np.ndarray, labels: np.ndarray | None, limit: float, judged: threshold.HeldOut | None) -> dict[str, float]:
    anomalies = int((found > limit).sum())
    counted = {"n_anomalies": float(anomalies), "anomaly_fraction": anomalies / len(found)}
    if labels is None:
        return counted
    # What a classifier says of rows that it learned from says nothing: those held back judge it.
    if judged is not None:
        return metrics.evaluate(judged.scores, labels[judged.rows], limit) | counted
    return metrics.evaluate(found, labels, limit) | counted


def _column(name: str, *, nullable: bool) -> dict[str, Any]:
    return {"name": name, "type": "number"} | ({"nullable": True} if nullable else {})
