"""scikit-learn's detectors: every estimator of these modules that scores single rows."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from typing import Any

import numpy as np

from ..detector import Detector
from . import docstrings
from .estimator import EstimatorDetector, snake_case

#: Where estimators are looked for; all of scikit-learn would take seconds at each start.
MODULES = ("ensemble", "neighbors", "svm", "covariance", "mixture", "linear_model", "decomposition")

#: What is never offered, by class. A test finds the reason true.
REFUSED = {
    "SGDOneClassSVM": "it is linear: without a kernel map before it, it only tells rows from the origin; the built-in "
    "`sgd_one_class_svm` has one",
}


class SklearnDetector(EstimatorDetector):
    """`score_samples` is high for normal rows: the score is its negative."""

    fixed = {"novelty": True}

    def _scores(self, X: np.ndarray) -> np.ndarray:
        return -np.asarray(self.fitted.score_samples(X))

    def training_scores(self, X: np.ndarray) -> np.ndarray:
        # A row is its own nearest neighbour: the fit's own scores leave it out.
        own = getattr(self.fitted, "negative_outlier_factor_", None)
        return -own if own is not None and len(own) == len(X) else self.decision_function(X)


def detectors() -> list[type[Detector]]:
    try:
        import sklearn
    except ImportError:
        return []
    found = {}
    for name in MODULES:
        module = importlib.import_module(f"sklearn.{name}")
        for title in module.__all__:
            kind = getattr(module, title)
            if title not in REFUSED and inspect.isclass(kind) and hasattr(kind, "score_samples") and _is_detector(kind):
                found[title] = _made(kind, title, sklearn.__version__)
    return [found[title] for title in sorted(found)]


def refused() -> dict[str, str]:
    """Estimators that score rows and are not offered, with the reason."""
    if importlib.util.find_spec("sklearn") is None:
        return {}
    return {f"sklearn_{snake_case(title)}": reason for title, reason in REFUSED.items()}


def _is_detector(kind: Any) -> bool:
    needed = [name for name, parameter in inspect.signature(kind).parameters.items() if parameter.default is parameter.empty]
    return not needed and hasattr(kind, "fit")


def _made(kind: Any, title: str, version: str) -> type[Detector]:
    page = f"https://scikit-learn.org/stable/modules/generated/{_public(kind)}.html"
    return type(
        title,
        (SklearnDetector,),
        {
            "name": f"sklearn_{snake_case(title)}",
            "version": version,
            "title": f"{title} (scikit-learn)",
            "summary": docstrings.summary(kind),
            "description": f"{docstrings.prose(kind)}\n\nThe score is `-score_samples`. [{title}]({page})",
            "estimator": kind,
            "takes_missing": _takes_missing(kind),
            "__module__": __name__,
        },
    )


def _takes_missing(kind: Any) -> bool:
    """What the estimator says of itself; a scikit-learn that has no such words is taken to refuse NaN."""
    try:
        return bool(kind().__sklearn_tags__().input_tags.allow_nan)
    except (AttributeError, TypeError, ValueError):
        return False


def _public(kind: Any) -> str:
    """`sklearn.ensemble.IsolationForest`, without the private module."""
    return ".".join(part for part in kind.__module__.split(".") if not part.startswith("_")) + f".{kind.__name__}"
