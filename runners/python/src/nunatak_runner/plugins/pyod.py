"""PyOD's detectors: every one that can be made without arguments and scores single rows of numbers."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import logging
import pkgutil
from typing import Any, ClassVar

import numpy as np

from ..detector import Detector
from . import docstrings
from .estimator import EstimatorDetector

_BATCH = "its scores depend on the rows that are scored together, so that a row by itself has none of its own"
_NETWORK = "its networks are PyTorch's, whose state cannot be kept without pickle"

#: What is never offered, by module. A test fits each of them and finds the reason true.
REFUSED = {
    "cd": "Cook's distance needs a column to predict, and a table of an unsupervised detector has none",
    "cof": _BATCH,
    "copod": _BATCH + "; the built-in `copod` does not have this fault",
    "ecod": _BATCH + "; the built-in `ecod` does not have this fault",
    "kpca": "with its defaults it gives every training row back exactly, and the scores are the noise of rounding",
    "lmdd": _BATCH,
    "loci": _BATCH,
    "mad": "it takes one column only; the built-in `robust_zscore` does the same",
    "rgraph": _BATCH,
    "rod": _BATCH,
    "sod": _BATCH,
    "sos": _BATCH,
}
#: Not for tables of numbers: graphs, texts, sounds, series, ensembles of other detectors.
_OTHER_INPUT = ("pyg_", "ts_", "audio_", "embedding", "lscp", "base", "sklearn_base", "combination", "thresholds", "xgbod")
_TORCH = ("ae1svm", "alad", "anogan", "auto_encoder", "deep_svdd", "devnet", "dif", "gaal_base", "lunar", "mo_gaal")
_TORCH += ("so_gaal", "so_gaal_new", "vae")


class PyodDetector(EstimatorDetector):
    """PyOD's `decision_function` is high for anomalies already."""

    # Only its own threshold depends on it, and ours is set on rows that were held back.
    fixed: ClassVar[dict[str, Any]] = {"contamination": 0.1}

    def _scores(self, X: np.ndarray) -> np.ndarray:
        return np.ravel(self.fitted.decision_function(X))

    def training_scores(self, X: np.ndarray) -> np.ndarray:
        # Of neighbours' methods without the row itself, which is its own nearest.
        own = np.ravel(getattr(self.fitted, "decision_scores_", ()))
        return own if len(own) == len(X) and np.isfinite(own).all() else self.decision_function(X)


def detectors() -> list[type[Detector]]:
    found = [_made(kind) for name in _modules() if name not in REFUSED for kind in _classes(name)]
    return sorted(found, key=lambda kind: kind.name)


def refused() -> dict[str, str]:
    """Detectors of the installed PyOD that are not offered, with the reason."""
    installed = _modules()
    reasons = {f"pyod_{name}": reason for name, reason in REFUSED.items() if name in installed}
    return reasons | {f"pyod_{name}": _NETWORK for name in _TORCH if name in installed}


def _modules() -> list[str]:
    try:
        import pyod.models
    except ImportError:
        return []
    names = [module.name for module in pkgutil.iter_modules(pyod.models.__path__)]
    return [name for name in names if not name.startswith(("_", *_OTHER_INPUT))]


def _classes(name: str) -> list[type]:
    """The detector classes of a module. What a module prints when something it could use is missing is dropped."""
    if name in _TORCH:
        return []
    from pyod.models.base import BaseDetector

    with contextlib.redirect_stdout(io.StringIO()):
        try:
            module = importlib.import_module(f"pyod.models.{name}")
        except Exception as error:  # noqa: BLE001 (whatever an optional dependency raises)
            logging.getLogger(__name__).info("pyod.models.%s cannot be imported: %s", name, type(error).__name__)
            return []
    kinds = [kind for _, kind in inspect.getmembers(module, inspect.isclass)]
    ours = [kind for kind in kinds if issubclass(kind, BaseDetector) and kind.__module__ == module.__name__]
    return [kind for kind in ours if _needs_nothing(kind)]


def _needs_nothing(kind: type) -> bool:
    parameters = inspect.signature(kind).parameters.values()
    return all(parameter.default is not parameter.empty for parameter in parameters)


def _made(kind: type) -> type[Detector]:
    from pyod.version import __version__

    name = kind.__module__.rpartition(".")[2]
    page = f"https://pyod.readthedocs.io/en/latest/pyod.models.html#module-pyod.models.{name}"
    return type(
        kind.__name__,
        (PyodDetector,),
        {
            "name": f"pyod_{name}",
            "version": __version__,
            "title": f"{kind.__name__} (PyOD)",
            "summary": docstrings.summary(kind),
            "description": f"{docstrings.prose(kind)}\n\n[pyod.models.{name}]({page})",
            "estimator": kind,
            "__module__": __name__,
        },
    )
