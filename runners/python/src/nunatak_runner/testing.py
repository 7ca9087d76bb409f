"""What a runner promises of every detector, tried on small tables: for those who write one.

from nunatak_runner import testing
assert testing.broken(MyDetector) == {}
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from . import catalogue, scoring, training
from .context import Context
from .data import Table
from .detector import Detector
from .model import Model

Subject = tuple[type[Detector], dict[str, Any]]


def table(n_rows: int = 300, n_columns: int = 3) -> Table:
    """Correlated normal rows, and a twentieth that lies far out in all directions; with labels."""
    random = np.random.default_rng(11)
    values = random.normal(size=(n_rows, n_columns)) @ np.triu(np.full((n_columns, n_columns), 0.4) + 0.6 * np.eye(n_columns))
    anomalies = random.choice(n_rows, n_rows // 20, replace=False)
    values[anomalies] += random.normal(size=(len(anomalies), n_columns)) * 8.0
    labels = np.zeros(n_rows, np.uint8)
    labels[anomalies] = 1
    time = np.arange(n_rows, dtype=np.int64) * 60_000
    return Table([f"column{at}" for at in range(n_columns)], values, time, labels)


def broken(kind: type[Detector], hyperparameters: dict[str, Any] | None = None) -> dict[str, str]:
    """Promises that are not kept, each with how."""
    # One fit beside the real one is enough to see that it can be done.
    subject = (kind, {"threshold": {"calibration": "split"}} | (hyperparameters or {}))
    found = {}
    for says, promise in PROMISES.items():
        try:
            promise(subject)
        except AssertionError as error:
            found[says] = str(error)
        except Exception as error:  # noqa: BLE001 (a fault of the detector is what is looked for)
            found[says] = f"{getattr(error, 'code', type(error).__name__)}: {error}"
    return found


def _train(subject: Subject, rows: Table, path: Path) -> training.Trained:
    kind, hyperparameters = subject
    return training.train(kind, rows, hyperparameters, 7, Context(), path)


def _is_described(subject: Subject) -> None:
    whole = catalogue.describe(subject[0])
    assert whole["summary"], "`summary` is empty: say in one sentence when to choose it"
    for name, described in whole["hyperparameterSchema"]["properties"].items():
        assert "default" in described, f"`{name}` has no default"


def _comes_back(subject: Subject) -> None:
    kind = subject[0]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "version"
        trained = _train(subject, table(), path)
        applied = scoring.apply(Model.load({kind.name: kind}, path), table(), None, Context())
        assert applied.threshold == trained.threshold, "the threshold changed on its way through the file"


def _finds_anomalies(subject: Subject) -> None:
    with tempfile.TemporaryDirectory() as directory:
        found = _train(subject, table(), Path(directory) / "version").metrics["roc_auc"]
        assert found > 0.5, f"ROC AUC {found:.2f}: a higher score must be more anomalous"


def _is_the_same_again(subject: Subject) -> None:
    with tempfile.TemporaryDirectory() as directory:
        first, second = Path(directory) / "first", Path(directory) / "second"
        _train(subject, table(), first)
        _train(subject, table(), second)
        assert first.read_bytes() == second.read_bytes(), "another version came of it: draw from `seed` only"


def _takes_a_constant_column(subject: Subject) -> None:
    rows = table()
    rows.values[:, 1] = 5.0
    with tempfile.TemporaryDirectory() as directory:
        _train(subject, rows, Path(directory) / "version")


PROMISES: dict[str, Callable[[Subject], None]] = {
    "it says when to choose it, and its settings have defaults": _is_described,
    # `train` itself compares the scores of two calls, of the loaded file, and of rows by themselves.
    "a version scores as its training did, any row by itself as among others": _comes_back,
    "anomalies score higher than normal rows": _finds_anomalies,
    "the same rows and seed give the same bytes": _is_the_same_again,
    "a column that does not vary is no fault": _takes_a_constant_column,
}
