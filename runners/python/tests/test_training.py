"""Trainings without a server: what `fit` is given, and what comes of what it gives back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scripted

from nunatak_runner import Context, Detector, artifact, scoring, testing, training
from nunatak_runner.data import Table
from nunatak_runner.errors import ArtifactTooLargeError, DataError, DetectorError, NotReproducibleError, NumericError
from nunatak_runner.model import Model


def train(kind: type[Detector], path: Path, rows: Table | None = None, seed: int = 7, **settings: Any) -> training.Trained:
    return training.train(kind, testing.table() if rows is None else rows, settings, seed, Context(), path)


def load(kind: type[Detector], path: Path) -> Model:
    return Model.load({kind.name: kind}, path)


def test_a_series_is_seen_in_the_order_of_time_and_scored_in_that_of_the_file(tmp_path: Path) -> None:
    values = np.array([[5.0], [1.0], [2.0], [50.0], [3.0]])
    time = np.array([4, 0, 1, 3, 2])
    train(scripted.Level, tmp_path / "level", Table(["x"], values, time, None))
    model = load(scripted.Level, tmp_path / "level")
    applied = scoring.apply(model, Table(["x"], values, time, None), 10.0, Context())
    assert applied.scores.tolist() == [45.0, 0.0, 1.0, 47.0, 1.0]
    assert applied.labels.tolist() == [1, 0, 0, 1, 0]
    assert applied.reasons.rows.tolist() == [0, 3]
    part = scoring.apply(model, Table(["x"], values, time, None), 10.0, Context(), (2, 2))
    assert (part.scores.tolist(), part.reasons.rows.tolist()) == ([1.0, 47.0], [1])


def test_labels_are_for_who_asks_for_them(tmp_path: Path) -> None:
    rows = testing.table()
    found = train(scripted.Nearest, tmp_path / "nearest", rows)
    assert found.parameters["mean_"] == pytest.approx(rows.values[rows.labels == 0, 0].mean())
    with pytest.raises(DataError, match="needs a label column"):
        train(scripted.Nearest, tmp_path / "nearest", Table(rows.columns, rows.values))
    with pytest.raises(DataError, match="all rows are of one class"):
        train(scripted.Nearest, tmp_path / "nearest", Table(rows.columns, rows.values, None, np.zeros(300, np.uint8)))


def test_the_threshold_holds_what_it_promises(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    rows = Table(["x"], random.normal(size=(4000, 1)))
    wish = {"method": "false_alarm_rate", "false_alarm_rate": 0.02}
    train(scripted.Middle, tmp_path / "middle", rows, threshold=wish)
    new = Table(["x"], random.normal(size=(20_000, 1)))
    alarms = scoring.apply(load(scripted.Middle, tmp_path / "middle"), new, None, Context(), explain=False).labels.mean()
    assert 0.01 < alarms < 0.03


def test_what_was_done_to_the_columns_is_done_again(tmp_path: Path) -> None:
    rows = testing.table()
    rows.values[:, 0] = rows.values[:, 0] * 1000.0 + 5.0
    rows.values[7, 0] = np.nan
    found = train(scripted.Middle, tmp_path / "middle", rows, preprocessing={"impute": "median", "scale": "standard"})
    assert (found.metrics["imputed_values"], found.input_schema[0]["nullable"]) == (1.0, True)
    applied = scoring.apply(load(scripted.Middle, tmp_path / "middle"), rows, None, Context())
    assert applied.scores.max() < 20.0 and applied.metrics["imputed_values"] == 1.0


def test_progress_only_goes_forward_and_the_fits_on_parts_keep_silent(tmp_path: Path) -> None:
    told: list[tuple[str, dict[str, Any]]] = []
    context = Context(tell=lambda kind, values: told.append((kind, values)))
    training.train(scripted.Talkative, testing.table(), {"epochs": 4}, 7, context, tmp_path / "talkative")
    fractions = [values["fraction"] for kind, values in told if kind == "progress"]
    assert fractions == sorted(fractions) and fractions[-1] <= 1.0
    assert [values["step"] for kind, values in told if kind == "metric" and values["key"] == "loss"] == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="1 to 250 characters"):
        context.metric("", 1.0)


class Fickle(scripted.Middle):
    name = "fickle"

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        return super().decision_function(X) + np.random.default_rng().normal(size=len(X))


class Forgetful(scripted.Middle):
    name = "forgetful"

    def fit(self, X: np.ndarray, y: np.ndarray | None = None, *, seed: int, context: Context) -> None:
        self.mean_, self.more = float(X[:, 0].mean()), 3.0

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        return super().decision_function(X) + getattr(self, "more", 0.0)


class Infinite(scripted.Middle):
    name = "infinite"

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        return np.where(np.arange(len(X)) == 3, np.inf, 0.0)


class Short(scripted.Middle):
    name = "short"

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        return np.zeros(max(len(X) - 1, 1))


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        (Fickle, NotReproducibleError, "other scores at the second call"),
        (Forgetful, NotReproducibleError, "does not score as the one that was trained"),
        (scripted.Ranking, NotReproducibleError, "another score than among others"),
        (Infinite, NumericError, "1 of 300 scores are not finite, the first in row 4"),
        (Short, NumericError, "the detector gave 299 scores for 300 rows"),
    ],
)
def test_a_detector_that_cannot_be_relied_on_makes_no_version(
    kind: type[Detector], error: type[DetectorError], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        train(kind, tmp_path / "version")


def test_a_file_has_an_upper_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifact, "MAX_BYTES", 1000)
    with pytest.raises(ArtifactTooLargeError):
        train(scripted.Middle, tmp_path / "version")


def test_few_rows_say_that_the_threshold_was_set_on_the_training(tmp_path: Path) -> None:
    rows = Table(["x"], np.arange(10.0).reshape(-1, 1))
    found = train(scripted.Middle, tmp_path / "version", rows)
    assert found.parameters["calibration_"]["rows_from"] == "training"
    with pytest.raises(DataError, match="training needs at least 2"):
        train(scripted.Middle, tmp_path / "version", rows.rows(slice(0, 1)))
