"""Detectors that behave well or badly on purpose; the plug-in of the protocol tests."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass

import numpy as np

from nunatak_runner import Context, Detector, hyperparameter


class Middle(Detector):
    """Scores a row by its first column's distance from the mean."""

    name = "middle"
    title = "Middle"

    def fit(self, X: np.ndarray, y: np.ndarray | None = None, *, seed: int, context: Context) -> None:
        self.work(context)
        self.mean_ = float(X[:, 0].mean())

    def work(self, context: Context) -> None:
        return None

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        return np.abs(X[:, 0] - self.mean_)


class Talkative(Middle):
    """Says all that can be said."""

    name = "talkative"

    @dataclass
    class Hyperparameters:
        epochs: int = hyperparameter(3, "How much it says.", minimum=1, maximum=100)

    def work(self, context: Context) -> None:
        print("printed")
        for epoch in range(self.hyperparameters.epochs):
            context.metric("loss", 1.0 / (epoch + 1), epoch)
        context.metric("odd", float("nan"))
        context.log("a warning", "WARN")
        context.progress(0.5, "halfway")


class Slow(Middle):
    """Takes a second or so, and looks up."""

    name = "slow"

    def work(self, context: Context) -> None:
        for at in range(20):
            context.progress(at / 20, "working")
            time.sleep(0.02)


class Deaf(Middle):
    """Never looks up and never ends."""

    name = "deaf"

    def work(self, context: Context) -> None:
        context.progress(0.1, "deaf")
        while True:
            time.sleep(60)


class Attentive(Middle):
    """Never ends unless it is asked to."""

    name = "attentive"

    def work(self, context: Context) -> None:
        context.progress(0.1, "waiting")
        while True:
            try:
                context.check_cancelled()
            except Exception:
                continue
            time.sleep(0.01)


class Crashing(Middle):
    """Takes its process down, as a fault in compiled code would."""

    name = "crashing"

    def work(self, context: Context) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)


class Hungry(Middle):
    """Is ended by the kernel."""

    name = "hungry"

    def work(self, context: Context) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Faulty(Middle):
    """Raises what nobody expected, with a path and a row in the text."""

    name = "faulty"

    def work(self, context: Context) -> None:
        raise RuntimeError("cannot use /home/ada/secret/rows.csv: [1.25, 2.5, 3.75, 4.125, 5.0, 6.5, 7.25] is odd")


class Ranking(Middle):
    """Scores depend on the rows beside a row, which a version must not do."""

    name = "ranking"

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        return np.argsort(np.argsort(X[:, 0])).astype(float)


class Level(Middle):
    """A series: how far from the row before."""

    name = "level"
    input_kind = "SERIES"

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        return np.abs(np.diff(X[:, 0], prepend=X[0, 0]))


class Nearest(Middle):
    """Learns from labels: the distance to the mean of the normal rows."""

    name = "nearest"
    learns_from_labels = True

    def fit(self, X: np.ndarray, y: np.ndarray | None = None, *, seed: int, context: Context) -> None:
        assert y is not None
        self.mean_ = float(X[y == 0, 0].mean())


def detectors() -> list[type[Detector]]:
    return [Middle, Talkative, Slow, Deaf, Attentive, Crashing, Hungry, Faulty, Ranking, Level, Nearest]
