"""What a runner promises of every detector, tried on small tables: for those who write one.

from nunatak_runner import testing
assert testing.faults(MyDetector) == []
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from . import catalogue, scoring, training
from .context import Context
from .data import Table
from .detector import Detector
from .errors import DetectorError
from .model import Model

#: One fit beside the real one is enough to see that it can be done.
SETTINGS = {"threshold": {"calibration": "split"}}


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


def faults(kind: type[Detector]) -> list[str]:
    """A sentence for each promise that is not kept."""
    found = []
    for promise in (_is_described, _trains_and_loads, _is_the_same_again, _takes_a_constant_column):
        try:
            promise(kind)
        except AssertionError as error:
            found.append(str(error))
        except DetectorError as error:
            found.append(f"{promise.__name__[1:].replace('_', ' ')}: {error} ({error.code})")
        except Exception as error:  # noqa: BLE001 (a fault of the detector is what is looked for)
            found.append(f"{promise.__name__[1:].replace('_', ' ')}: {type(error).__name__}: {error}")
    return found


def _is_described(kind: type[Detector]) -> None:
    whole = catalogue.describe(kind)
    assert whole["summary"], "`summary` is empty: say in one sentence when to choose it"
    for name, described in whole["hyperparameterSchema"]["properties"].items():
        assert "default" in described, f"`{name}` has no default: people want to try a detector without a form"


def _train(kind: type[Detector], rows: Table, path: Path) -> training.Trained:
    return training.train(kind, rows, SETTINGS, 7, Context(), path)


def _trains_and_loads(kind: type[Detector]) -> None:
    """With all that `train` checks by itself: finite scores, the same after loading, and of a row by itself."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "version"
        trained = _train(kind, table(), path)
        applied = scoring.apply(Model.load({kind.name: kind}, path), table(), None, Context())
        assert applied.threshold == trained.threshold, "the threshold changed on its way through the file"
        better = trained.metrics.get("roc_auc", 1.0) > 0.5
        assert better, "anomalies score lower than normal rows: a higher score must be more anomalous"


def _is_the_same_again(kind: type[Detector]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        first, second = Path(directory) / "first", Path(directory) / "second"
        _train(kind, table(), first)
        _train(kind, table(), second)
        assert first.read_bytes() == second.read_bytes(), "the same rows and seed gave another version: draw from `seed` only"


def _takes_a_constant_column(kind: type[Detector]) -> None:
    rows = table()
    rows.values[:, 1] = 5.0
    with tempfile.TemporaryDirectory() as directory:
        _train(kind, rows, Path(directory) / "version")
