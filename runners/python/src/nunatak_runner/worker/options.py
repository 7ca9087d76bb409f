"""How a runner behaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..catalogue import Choice


@dataclass(frozen=True)
class Options:
    name: str
    cache_dir: Path
    labels: tuple[str, ...] = ()
    choice: Choice = field(default_factory=Choice)
    #: Jobs at once.
    concurrency: int = 1
    #: Threads of a job's linear algebra. With another number the last digits of scores may differ.
    threads: int = 1
    cache_max_bytes: int = 10 << 30
    #: Seconds that running jobs may go on after the shutdown signal.
    drain: float = 30.0
    #: Seconds that a cancelled detector has to look up before its process is killed.
    grace: float = 0.5
