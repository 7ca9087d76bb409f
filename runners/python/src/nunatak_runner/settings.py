"""The hyperparameters that every detector has: contamination, threshold and preprocessing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import preprocessing, validation
from .detector import Detector
from .threshold import options

_CONTAMINATION = {
    "type": "number",
    "default": 0.1,
    "exclusiveMinimum": 0.0,
    "maximum": 0.5,
    "description": "Expected fraction of anomalies. Unless `threshold` says otherwise, the threshold is the "
    "(1 - contamination) quantile of the scores of rows that were held back from the fit.",
}


@dataclass(frozen=True)
class Settings:
    """A run's hyperparameters, checked and taken apart."""

    #: All of them, defaults filled in: what the version shows.
    everything: dict[str, Any]
    #: The detector's own.
    own: dict[str, Any]
    contamination: float
    threshold: options.Options
    preprocessing: preprocessing.Options


def common() -> dict[str, Any]:
    return {
        "contamination": _CONTAMINATION,
        "threshold": options.schema(),
        "preprocessing": preprocessing.schema(),
    }


def full_schema(detector: type[Detector]) -> dict[str, Any]:
    """What the server is told: the detector's own settings after those that all have."""
    own = detector.hyperparameter_schema()
    ours = common()
    both = set(ours) & set(own["properties"])
    if both:
        raise TypeError(f"`{detector.name}` names {', '.join(sorted(both))}, which every detector has already")
    return own | {"properties": ours | own["properties"]}


def resolve(detector: type[Detector], given: Any) -> Settings:
    """Checks a job's hyperparameters."""
    everything = validation.resolve(full_schema(detector), given)
    own = {name: value for name, value in everything.items() if name not in common()}
    return Settings(
        everything=everything,
        own=own,
        contamination=everything["contamination"],
        threshold=options.Options(**(everything["threshold"] or {})),
        preprocessing=preprocessing.Options(**(everything["preprocessing"] or {})),
    )
