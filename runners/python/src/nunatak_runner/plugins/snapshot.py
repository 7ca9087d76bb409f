"""A fitted estimator as arrays and JSON, and back, without pickle.

Only classes of `KEPT` are written and read: those whose scoring is NumPy, which checks every index, or whose compiled part
(the trees of a forest) is checked here first. Others are fitted again when a version is loaded (`estimator.py`): a
stranger's arrays never get to compiled code that trusts them.
"""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np

from ..errors import ArtifactError
from . import trees

#: Classes by their module's path, which may be written down attribute by attribute.
KEPT = frozenset(
    [
        "sklearn.ensemble._iforest.IsolationForest",
        "sklearn.tree._classes.ExtraTreeRegressor",
        "sklearn.covariance._elliptic_envelope.EllipticEnvelope",
        "sklearn.covariance._robust_covariance.MinCovDet",
        "sklearn.mixture._gaussian_mixture.GaussianMixture",
        "sklearn.mixture._bayesian_mixture.BayesianGaussianMixture",
        "sklearn.decomposition._pca.PCA",
        "sklearn.decomposition._factor_analysis.FactorAnalysis",
        "sklearn.preprocessing._data.StandardScaler",
        "pyod.models.iforest.IForest",
        "pyod.models.gmm.GMM",
        "pyod.models.inne.INNE",
        "pyod.models.mcd.MCD",
        "pyod.models.pca.PCA",
    ]
)
#: One entry a training row, which no score depends on; they are kept empty, because PyOD asks whether they are there.
EMPTIED = frozenset(["decision_scores_", "labels_"])
_DEPTH = 30
_NUMBERS = frozenset("biuf")


class NotWritable(Exception):
    """Something in the estimator is neither number, text, array nor a class that is known."""


class Writer:
    """Takes an estimator apart. Arrays of one type become one long array: a forest has thousands of small ones."""

    def __init__(self) -> None:
        self._pools: dict[str, list[np.ndarray]] = {}
        self._lengths: dict[str, int] = {}

    def arrays(self) -> dict[str, np.ndarray]:
        return {f"pool.{name}": np.concatenate(parts) for name, parts in self._pools.items()}

    def write(self, value: Any, depth: int = 0) -> Any:
        if depth > _DEPTH:
            raise NotWritable("too deep")
        if value is None or isinstance(value, (bool, str)):
            return value
        if isinstance(value, np.generic):
            return {"$": "scalar", "array": self._array(np.asarray(value))}
        if isinstance(value, int):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else {"$": "float", "value": repr(value)}
        if isinstance(value, np.ndarray):
            return self._any_array(value, depth)
        if isinstance(value, list):
            return [self.write(item, depth + 1) for item in value]
        if isinstance(value, tuple):
            return {"$": "tuple", "items": [self.write(item, depth + 1) for item in value]}
        if isinstance(value, dict):
            return {"$": "dict", "items": [[self.write(item, depth + 1) for item in pair] for pair in value.items()]}
        if trees.is_tree(value):
            return {"$": "tree", "parts": self.write(trees.parts(value), depth + 1)}
        if isinstance(value, np.random.RandomState):
            return None
        return self._object(value, depth)

    def _any_array(self, value: np.ndarray, depth: int) -> Any:
        if value.dtype == object:
            items = [self.write(item, depth + 1) for item in value.ravel()]
            return {"$": "objects", "shape": list(value.shape), "items": items}
        if value.dtype.kind not in _NUMBERS:
            raise NotWritable(f"an array of {value.dtype}")
        return {"$": "array", **self._array(value)}

    def _array(self, value: np.ndarray) -> dict[str, Any]:
        # Sums depend on how an array lies in memory, in their last digit.
        by_column = value.ndim > 1 and value.flags.f_contiguous and not value.flags.c_contiguous
        flat = value.ravel(order="F" if by_column else "C")
        name = value.dtype.str.lstrip("<>|=")
        at = self._lengths.get(name, 0)
        self._pools.setdefault(name, []).append(flat.astype(value.dtype.newbyteorder("<")))
        self._lengths[name] = at + flat.size
        return {"of": name, "at": at, "shape": list(value.shape)} | ({"order": "F"} if by_column else {})

    def _object(self, value: Any, depth: int) -> Any:
        name = f"{type(value).__module__}.{type(value).__qualname__}"
        if name not in KEPT:
            raise NotWritable(name)
        state = {key: item[:0] if key in EMPTIED else item for key, item in vars(value).items()}
        return {"$": "object", "class": name, "state": {key: self.write(item, depth + 1) for key, item in state.items()}}


class Reader:
    """Puts an estimator together again. The parts may be a stranger's: nothing but `KEPT` is made, nothing is called."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self._pools = {name.removeprefix("pool."): array for name, array in arrays.items()}

    def read(self, value: Any, depth: int = 0) -> Any:
        if depth > _DEPTH + 2:
            raise ArtifactError("it is nested too deeply")
        if isinstance(value, list):
            return [self.read(item, depth + 1) for item in value]
        if not isinstance(value, dict):
            return value
        try:
            return self._tagged(value, depth)
        except (KeyError, TypeError, ValueError, OverflowError):
            raise ArtifactError("what was learned is damaged") from None

    def _tagged(self, value: dict[str, Any], depth: int) -> Any:
        def inside(name: str) -> Any:
            return self.read(value[name], depth + 1)

        match value["$"]:
            case "float":
                return {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[value["value"]]
            case "scalar":
                return self._array(value["array"])[()]
            case "array":
                return self._array(value)
            case "objects":
                found = np.empty(len(value["items"]), dtype=object)
                found[:] = inside("items")
                return found.reshape(value["shape"])
            case "tuple":
                return tuple(inside("items"))
            case "dict":
                return dict(inside("items"))
            case "tree":
                return trees.build(inside("parts"))
            case "object":
                return self._object(value, depth)
        raise ArtifactError("it holds something of an unknown kind")

    def _array(self, value: dict[str, Any]) -> np.ndarray:
        pool, at = self._pools[value["of"]], value["at"]
        shape = tuple(int(length) for length in value["shape"])
        size = math.prod(shape)
        if min(shape, default=0) < 0 or at < 0 or pool.ndim != 1 or at + size > len(pool):
            raise ArtifactError("an array lies outside of the file")
        return pool[at : at + size].reshape(shape, order=value.get("order", "C")).copy(order="K")

    def _object(self, value: dict[str, Any], depth: int) -> Any:
        name = value["class"]
        if name not in KEPT:
            raise ArtifactError("it names a class that is not read from files")
        module, _, kind = name.rpartition(".")
        try:
            made = object.__new__(getattr(importlib.import_module(module), kind))
        except (ImportError, AttributeError):
            raise ArtifactError(f"`{kind}` is not where it was when the version was trained; train again") from None
        for key, item in value["state"].items():
            if not key.isidentifier() or key.startswith("__"):
                raise ArtifactError("what was learned is damaged")
            made.__dict__[key] = self.read(item, depth + 1)
        return made
