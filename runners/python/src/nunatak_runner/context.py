"""What a detector is told of its run, and what it may tell while it works."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from .errors import Cancelled

Level = Literal["DEBUG", "INFO", "WARN", "ERROR"]

#: Characters of a metric's key, as the server takes it.
MAX_KEY = 250

#: `tell(kind, values)`: the way out of the process; nothing by default, so that detectors run in a notebook too.
Tell = Callable[[str, dict[str, Any]], None]


def _silence(_kind: str, _values: dict[str, Any]) -> None:
    return None


@dataclass(frozen=True)
class Context:
    """Passed to `fit`. Everything has a default: `Context()` will do in a test of your own."""

    #: Names of the columns of `X`, in order.
    columns: Sequence[str] = ()
    #: Milliseconds since 1970 (UTC) of each row, where the dataset has times and the detector is for series.
    time: np.ndarray | None = None
    tell: Tell = _silence
    cancelled: Callable[[], bool] = field(default=lambda: False)
    #: The part of the whole run that this context stands for.
    span: tuple[float, float] = (0.0, 1.0)
    #: A fit beside the real one says nothing: its losses would be drawn over those of the version.
    quiet: bool = False

    def check_cancelled(self) -> None:
        """Ends the run at once if somebody asked for that. Call it now and then; whoever does not is killed."""
        if self.cancelled():
            raise Cancelled

    def progress(self, fraction: float, message: str = "") -> None:
        """How far the fit has come, 0 to 1. Call it as often as you like: few of the calls are sent."""
        self.check_cancelled()
        low, high = self.span
        part = min(max(float(fraction), 0.0), 1.0) if math.isfinite(fraction) else 0.0
        self.tell("progress", {"fraction": low + (high - low) * part, "message": str(message)})

    def metric(self, key: str, value: float, step: int = 0) -> None:
        """A number that can be watched while the job runs, such as the loss of an epoch."""
        if not 0 < len(key) <= MAX_KEY or not key.isprintable():
            raise ValueError(f"a metric's key has 1 to {MAX_KEY} characters and no control characters")
        if not self.quiet:
            self.tell("metric", {"key": str(key), "value": float(value), "step": int(step)})

    def log(self, message: str, level: Level = "INFO") -> None:
        """A line for the job's log. `print` and `logging` go there as well."""
        if not self.quiet:
            self.tell("log", {"level": level, "message": str(message)})

    def part(self, low: float, high: float, *, quiet: bool = False) -> Context:
        """A context whose progress runs from `low` to `high` of this one's."""
        start, end = self.span
        width = end - start
        span = (start + low * width, start + high * width)
        return replace(self, span=span, quiet=self.quiet or quiet)

    def of_rows(self, rows: np.ndarray) -> Context:
        """The same for some of the rows."""
        return self if self.time is None else replace(self, time=self.time[rows])
