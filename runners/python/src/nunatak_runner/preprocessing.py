"""What is done to the columns before a detector sees them: learned in training, part of the version."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .errors import ArtifactError, DataError
from .text import shortened


@dataclass(frozen=True)
class Options:
    """The hyperparameter `preprocessing`, in the words of the built-in runner as far as it goes."""

    impute: str = "refuse"
    fill_value: float = 0.0
    scale: str = "none"


def schema() -> dict[str, Any]:
    def word(words: list[str], description: str) -> dict[str, Any]:
        return {"type": "string", "default": words[0], "enum": words, "description": description}

    return {
        "type": ["object", "null"],
        "default": None,
        "additionalProperties": False,
        "description": "What is done to the columns before the detector sees them, in training and with every later "
        "row alike. Null: nothing, and missing values are refused.",
        "properties": {
            "impute": word(
                ["refuse", "median", "mean", "constant", "keep"],
                "What takes the place of a missing number; median and mean are those of the training rows, `keep` "
                "leaves it to a detector that can cope.",
            ),
            "fill_value": {
                "type": "number",
                "default": 0.0,
                "description": "The number for `impute: constant`.",
            },
            "scale": word(
                ["none", "standard", "robust", "min_max"],
                "Scaling of each column: standard (mean, deviation), robust (median, interquartile range) or min_max "
                "(to 0..1). Detectors that measure distances need it where units differ.",
            ),
        },
    }


@dataclass(frozen=True)
class Preparation:
    """What was learned of each column."""

    impute: str
    fill: list[float]
    center: list[float]
    spread: list[float]

    @classmethod
    def learn(cls, options: Options, X: np.ndarray, columns: list[str], *, takes_missing: bool) -> Preparation:
        if options.impute == "keep" and not takes_missing:
            raise DataError("this detector cannot cope with missing values: choose another `preprocessing.impute`")
        if options.impute == "refuse":
            refuse_missing(X, columns)
        refuse_infinite(X, columns)
        _refuse_empty(X, columns)
        fill = {
            "median": lambda: np.nanmedian(X, axis=0),
            "mean": lambda: np.nanmean(X, axis=0),
            "constant": lambda: np.full(X.shape[1], options.fill_value),
        }.get(options.impute, lambda: np.zeros(X.shape[1]))()
        filled = X if options.impute in ("refuse", "keep") else np.where(np.isnan(X), fill, X)
        center, spread = _scaling(options.scale, filled)
        return cls(options.impute, fill.tolist(), center.tolist(), spread.tolist())

    def apply(self, X: np.ndarray, columns: list[str]) -> tuple[np.ndarray, int]:
        """The columns as the detector sees them, and how many values were filled in."""
        if self.impute == "refuse":
            refuse_missing(X, columns)
        refuse_infinite(X, columns)
        missing = np.isnan(X)
        count = int(missing.sum())
        if self.impute in ("median", "mean", "constant") and count:
            X = np.where(missing, np.asarray(self.fill), X)
        scaled = any(self.center) or any(spread != 1.0 for spread in self.spread)
        if scaled:
            X = (X - np.asarray(self.center)) / np.asarray(self.spread)
        return np.ascontiguousarray(X), count if self.impute != "keep" else 0

    @property
    def nullable(self) -> bool:
        return self.impute != "refuse"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any, n_features: int) -> Preparation:
        try:
            lists = [[float(item) for item in value[name]] for name in ("fill", "center", "spread")]
            impute = value["impute"]
        except (KeyError, TypeError, ValueError):
            raise ArtifactError("its preprocessing is damaged") from None
        numbers = np.asarray(lists) if all(len(items) == n_features for items in lists) else np.asarray([np.nan])
        if not np.isfinite(numbers).all() or 0.0 in lists[2]:
            raise ArtifactError("its preprocessing does not fit its columns")
        if impute not in ("refuse", "median", "mean", "constant", "keep"):
            raise ArtifactError("its preprocessing fills values in a way that this runner does not know")
        return cls(impute, *lists)


def _scaling(scale: str, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    center, spread = np.zeros(X.shape[1]), np.ones(X.shape[1])
    if scale == "standard":
        center, spread = np.nanmean(X, axis=0), np.nanstd(X, axis=0)
    elif scale == "robust":
        low, center, high = np.nanpercentile(X, [25, 50, 75], axis=0)
        spread = high - low
    elif scale == "min_max":
        center, spread = np.nanmin(X, axis=0), np.nanmax(X, axis=0) - np.nanmin(X, axis=0)
    # A column that does not vary stays as it is, only moved.
    return center, np.where((spread > 0) & np.isfinite(spread), spread, 1.0)


def refuse_missing(X: np.ndarray, columns: list[str]) -> None:
    missing = np.isnan(X)
    if not missing.any():
        return
    column = int(np.argmax(missing.any(axis=0)))
    count = int(missing[:, column].sum())
    raise DataError(
        f"column `{shortened(columns[column], 100)}` has {count} missing {'value' if count == 1 else 'values'} (NaN), "
        f"the first in row {int(np.argmax(missing[:, column])) + 1}; name a `preprocessing.impute` or remove the rows first"
    )


def refuse_infinite(X: np.ndarray, columns: list[str]) -> None:
    infinite = np.isinf(X)
    if not infinite.any():
        return
    column = int(np.argmax(infinite.any(axis=0)))
    count = int(infinite[:, column].sum())
    raise DataError(
        f"column `{shortened(columns[column], 100)}` has {count} infinite {'value' if count == 1 else 'values'}, "
        f"the first in row {int(np.argmax(infinite[:, column])) + 1}; only finite numbers can be used"
    )


def _refuse_empty(X: np.ndarray, columns: list[str]) -> None:
    empty = np.isnan(X).all(axis=0)
    if empty.any():
        name = shortened(columns[int(np.argmax(empty))], 100)
        raise DataError(f"column `{name}` has no value in any of the {X.shape[0]} rows; remove the column")
