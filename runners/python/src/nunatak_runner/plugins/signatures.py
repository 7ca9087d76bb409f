"""From an estimator's signature to the JSON Schema of its hyperparameters.

scikit-learn says itself what each parameter may be (`_parameter_constraints`). Elsewhere the default's type decides, and
what the docstring lists in braces. What is no number, word or null is left out and keeps its default.
"""

from __future__ import annotations

import inspect
import math
from numbers import Integral
from typing import Any

from .. import schema
from . import docstrings

#: Not a matter of the model (threads, chatter), or set by the runner (seed, contamination), or no value of JSON.
LEFT_OUT = frozenset(
    [
        "contamination",
        "threshold",
        "preprocessing",
        "random_state",
        "n_jobs",
        "verbose",
        "verbose_interval",
        "warm_start",
        "novelty",
        "behaviour",
        "metric_params",
        "kernel_params",
        "copy",
        "copy_X",
        "check_estimator",
        "cache_size",
        "memory",
        "parallel_execution",
        "store_precision",
        "clustering_estimator",
        "weights_init",
        "means_init",
        "precisions_init",
        "mean_prior",
        "covariance_prior",
        "noise_variance_init",
        "callbacks",
    ]
)
#: Distances that need nothing but two rows of numbers.
METRICS = ["euclidean", "manhattan", "chebyshev", "minkowski", "cosine", "canberra", "braycurtis"]
#: Words that ask for other input than a table.
_NO_WORDS = frozenset(["precomputed", "pyfunc", "warn", "deprecated"])
#: A schema without an upper end invites a job that takes the machine: nobody needs more of anything that is counted.
MOST = 1_000_000


def schema_of(estimator: type) -> dict[str, Any]:
    constraints = getattr(estimator, "_parameter_constraints", None) or {}
    documented = docstrings.parameters(estimator)
    properties = {}
    for name, parameter in inspect.signature(estimator).parameters.items():
        default = parameter.default
        if name in LEFT_OUT or name.startswith("_") or not _is_value(default):
            continue
        spec, text = documented.get(name, ("", ""))
        ways = _of_constraints(constraints[name]) if name in constraints else _of_default(name, default, spec, text)
        if name == "metric":
            ways = [{"type": "string", "enum": METRICS}] if default in METRICS else []
        described = _joined(ways, default)
        if described is not None:
            properties[name] = described | {"default": default} | ({"description": text[:600]} if text else {})
    return schema.object_of(properties, [])


def _is_value(default: Any) -> bool:
    if isinstance(default, float):
        return math.isfinite(default)
    return default is None or isinstance(default, (bool, int, str))


def _of_constraints(constraints: list[Any]) -> list[dict[str, Any]]:
    found = []
    for constraint in constraints:
        kind = type(constraint).__name__
        if kind == "Interval":
            found.append(_interval(constraint))
        elif kind in ("StrOptions", "Options"):
            words = sorted(word for word in constraint.options if isinstance(word, str) and word not in _NO_WORDS)
            if words:
                found.append({"type": "string", "enum": words})
        elif constraint is None:
            found.append({"type": "null"})
        elif constraint == "boolean":
            found.append({"type": "boolean"})
        elif constraint is Integral:
            found.append({"type": "integer", "minimum": 1, "maximum": MOST})
    return found


def _interval(interval: Any) -> dict[str, Any]:
    whole = interval.type is Integral
    found: dict[str, Any] = {"type": "integer" if whole else "number"}
    closed = interval.closed
    if interval.left is not None and math.isfinite(interval.left):
        found["minimum" if closed in ("left", "both") else "exclusiveMinimum"] = interval.left
    if interval.right is not None and math.isfinite(interval.right):
        found["maximum" if closed in ("right", "both") else "exclusiveMaximum"] = interval.right
    elif whole:
        found["maximum"] = MOST
    return found


def _of_default(name: str, default: Any, spec: str, text: str) -> list[dict[str, Any]]:
    if isinstance(default, bool):
        return [{"type": "boolean"}]
    if isinstance(default, int):
        low = {"minimum": 1} if default >= 1 else {"minimum": -MOST if default < 0 else 0}
        whole = {"type": "integer", **low, "maximum": MOST}
        return [{"type": "number", **low}] if "float" in spec and "int" not in spec else [whole]
    if isinstance(default, float):
        return [{"type": "number"} | ({"exclusiveMinimum": 0.0} if default > 0 else {})]
    kinds = []
    words = docstrings.words(spec, text)
    if isinstance(default, str):
        if default != "auto" and default not in words:
            return []
        kinds = [{"type": "string", "enum": sorted({default, *words} - _NO_WORDS)}]
        if len(kinds[0]["enum"]) == 1 and "int" not in spec and "float" not in spec:
            return []
    if default is None:
        kinds = [{"type": "null"}]
    if "int" in spec:
        kinds.append({"type": "integer", "minimum": 1, "maximum": MOST})
    if "float" in spec:
        kinds.append({"type": "number", "exclusiveMinimum": 0.0})
    return kinds if len(kinds) > 1 or isinstance(default, str) else []


def _joined(ways: list[dict[str, Any]], default: Any) -> dict[str, Any] | None:
    """One property of all ways to write a value; None where the default is none of them."""
    whole = [way for way in ways if way["type"] == "integer"]
    real = [way for way in ways if way["type"] == "number"]
    if whole and real:
        # 1 and 1.0 are one number in JSON: a share below 1 stays, or the whole numbers go where a share is usual.
        if isinstance(default, float):
            ways = [way for way in ways if way not in whole]
        else:
            ways = [way if way not in real else _below_one(way) for way in ways]
    if not any(_takes(way, default) for way in ways):
        return None
    if len(ways) == 1:
        return dict(ways[0])
    others = [way for way in ways if way["type"] != "null"]
    if len(others) == 1 and "enum" not in others[0]:
        return others[0] | {"type": [others[0]["type"], "null"]}
    return {"anyOf": ways}


def _below_one(way: dict[str, Any]) -> dict[str, Any]:
    limits = {key: value for key, value in way.items() if key not in ("maximum", "exclusiveMaximum")}
    return limits | {"exclusiveMaximum": 1.0}


def _takes(way: dict[str, Any], default: Any) -> bool:
    kind = way["type"]
    if default is None:
        return kind == "null"
    if isinstance(default, bool):
        return kind == "boolean"
    if isinstance(default, str):
        return kind == "string" and default in way["enum"]
    return kind in ("integer", "number") if isinstance(default, int) else kind == "number"
