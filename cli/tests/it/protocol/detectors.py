"""Detectors of the protocol tests: one that takes its time, and one that learns from labels."""

import time
from dataclasses import dataclass

import numpy as np
from nunatak_runner import Detector, hyperparameter


class Wait(Detector):
    """Distance from the mean, after a while."""

    name = "test_wait"
    title = "Wait"
    summary = "For tests that interrupt a fit in the middle."

    @dataclass
    class Hyperparameters:
        seconds: float = hyperparameter(0.0, "How long the fit takes.", minimum=0.0, maximum=3600.0)

    def fit(self, X, y=None, *, seed, context):
        # Fits beside the real one, for the threshold, do not wait again.
        until = time.monotonic() + (0.0 if context.quiet else self.hyperparameters.seconds)
        while (left := until - time.monotonic()) > 0:
            context.progress(1.0 - left / self.hyperparameters.seconds, "waiting")
            time.sleep(min(left, 0.02))
        self.mean_ = X.mean(axis=0)

    def decision_function(self, X):
        return np.abs(X - self.mean_).sum(axis=1)


class NeedsLabels(Detector):
    """Distance from the mean of the rows that are labelled normal."""

    name = "test_needs_labels"
    title = "Needs labels"
    summary = "For tests of data that cannot be used."
    learns_from_labels = True

    def fit(self, X, y=None, *, seed, context):
        self.mean_ = X[y == 0].mean(axis=0)

    def decision_function(self, X):
        return np.abs(X - self.mean_).sum(axis=1)


def detectors():
    return [Wait, NeedsLabels]
