"""The base class of a detector. One class, one file, and the runner does the rest."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from . import schema
from .context import Context
from .errors import ArtifactError

InputKind = Literal["TABULAR", "SERIES"]

#: Characters of a learned parameter that is shown with the version.
MAX_SHOWN = 10_000

_LEARNED = re.compile(r"^[a-zA-Z][a-zA-Z0-9_]*_$")


@dataclass
class State:
    """What a fitted detector keeps: arrays of numbers by name, and JSON. Never code, never pickle."""

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)


class Detector:
    """Learns from a table what is normal, and scores rows: higher is more anomalous.

    Write `fit` and `decision_function`, and name what was learned with an underscore at the end (`mean_`): arrays and
    JSON values of such names are saved and loaded by themselves. Override `save` and `load` for anything else.

    A TABULAR detector's score depends on the version and the row alone; this is checked in each training. A SERIES
    detector gets all rows in the order of time and scores each in the light of its neighbours.
    """

    #: The name in requests, snake_case.
    name: ClassVar[str] = ""
    #: Semantic version of the algorithm; raise the major number when older artefacts can no longer be loaded.
    version: ClassVar[str] = "1.0.0"
    #: The name for people.
    title: ClassVar[str] = ""
    #: One sentence: when to choose it.
    summary: ClassVar[str] = ""
    #: Markdown: how it works and where it is from. The class's docstring unless given.
    description: ClassVar[str] = ""
    input_kind: ClassVar[InputKind] = "TABULAR"
    #: Whether `fit` and `decision_function` can cope with NaN; else missing values are refused or filled in before.
    takes_missing: ClassVar[bool] = False
    #: Whether `fit` needs `y` (1 for anomalies); else it gets None.
    learns_from_labels: ClassVar[bool] = False

    @dataclass
    class Hyperparameters:
        """None, unless a detector says otherwise: a dataclass or a pydantic model, every field with a default."""

    #: The seed of the run, also at loading.
    run_seed: int = 0

    def __init__(self, hyperparameters: Any = None) -> None:
        self.hyperparameters = self.Hyperparameters() if hyperparameters is None else hyperparameters

    def fit(self, X: np.ndarray, y: np.ndarray | None = None, *, seed: int, context: Context) -> None:
        """Learns from `X`, shape (n_rows, n_features), float64, all finite, at least 2 rows.

        All randomness comes from `seed`: the same rows and seed must give the same scores, bit for bit.
        """
        raise NotImplementedError

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """One finite score for each row of `X`, higher for more anomalous."""
        raise NotImplementedError

    def training_scores(self, X: np.ndarray) -> np.ndarray:
        """Scores of the rows that `fit` saw. Override it where a row would be its own best neighbour."""
        return self.decision_function(X)

    def contributions(self, X: np.ndarray, rows: np.ndarray) -> np.ndarray | None:
        """What each column contributes to the scores of `rows` (places in `X`), shape (len(rows), n_features), positive
        where it makes the row more anomalous. None, the default, has each column in turn put at its typical value."""
        return None

    def parameters(self) -> dict[str, Any]:
        """Learned parameters worth showing; numbers, texts and short lists of those that `save` keeps."""
        shown = {}
        for name, value in self._learned().items():
            small = value.tolist() if isinstance(value, np.ndarray) and value.size <= 32 else value
            if not isinstance(small, np.ndarray) and is_json(small) and len(repr(small)) <= MAX_SHOWN:
                shown[name] = small
        return shown

    def save(self) -> State:
        """All that `load` needs, besides the hyperparameters."""
        state = State()
        for name, value in self._learned().items():
            if isinstance(value, np.ndarray):
                state.arrays[name] = value
            elif is_json(value):
                state.data[name] = value
            else:
                raise TypeError(f"`{name}` is {type(value).__name__}: keep arrays and JSON values, or override `save`")
        return state

    def load(self, state: State) -> None:
        """Takes back what `save` gave. The bytes may be a stranger's: check shapes and indices before using them."""
        for name, value in [*state.arrays.items(), *state.data.items()]:
            if not _LEARNED.match(name) or hasattr(type(self), name):
                raise ArtifactError(f"`{name[:60]}` is nothing that this detector learns")
            setattr(self, name, value)

    def _learned(self) -> dict[str, Any]:
        def plain(value: Any) -> Any:
            return value.item() if isinstance(value, np.generic) else value

        return {name: plain(value) for name, value in vars(self).items() if _LEARNED.match(name)}

    @classmethod
    def hyperparameter_schema(cls) -> dict[str, Any]:
        """The JSON Schema of what is this detector's own; contamination, threshold and preprocessing come on top."""
        return schema.of_model(cls.Hyperparameters)

    @classmethod
    def make(cls, settings: dict[str, Any]) -> Detector:
        """An unfitted detector with these checked settings."""
        return cls(schema.build(cls.Hyperparameters, settings))

    @classmethod
    def needs(cls) -> str | None:
        """Why this detector cannot be offered on this machine, if so."""
        return None


def is_json(value: Any) -> bool:
    """Whether `value` survives a trip through JSON unchanged."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_json(item) for key, item in value.items())
    if isinstance(value, list):
        return all(is_json(item) for item in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, (bool, int, str))


def hyperparameter(
    default: Any,
    description: str = "",
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    exclusive_minimum: float | None = None,
    exclusive_maximum: float | None = None,
) -> Any:
    """A field of a `Hyperparameters` dataclass with limits and a description."""
    limits = {
        "minimum": minimum,
        "maximum": maximum,
        "exclusiveMinimum": exclusive_minimum,
        "exclusiveMaximum": exclusive_maximum,
        "description": description or None,
    }
    metadata = {name: value for name, value in limits.items() if value is not None}
    if isinstance(default, (list, dict)):
        return dataclasses.field(default_factory=lambda: type(default)(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)
