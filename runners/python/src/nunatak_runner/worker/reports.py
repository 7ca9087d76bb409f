"""From many words of a detector to few calls: progress, live metrics and log lines."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from ..text import cut_bytes
from .client import Client, ClientError, Rejected, UserErrors
from .operations import LOGS, PROGRESS, Features

log = logging.getLogger("nunatak_runner")

#: Twice a second is as live as a person can see; detectors report as often as they like.
EVERY = 0.5
#: What one call of `reportLogs` takes, and how many bytes of a line.
LINES_A_CALL, LINE_BYTES = 500, 2_000
#: Lines that wait to be sent; a detector that chatters faster loses some, and the log says how many.
MAX_WAITING = 5_000
METRICS_A_CALL = 100
#: Points of live metrics that go into the version; beyond, every second one of a key is dropped.
MAX_POINTS = 5_000
MESSAGE_BYTES = 500


class Reports:
    """What one attempt has to say."""

    def __init__(self, client: Client, features: Features, job: str, attempt: int) -> None:
        self._client, self._features = client, features
        self._job = {"job": job, "attempt": attempt}
        self._progress: dict[str, Any] | None = None
        self._metrics: deque[dict[str, Any]] = deque()
        self._lines: deque[dict[str, Any]] = deque()
        self._left_out = 0
        self._sent = 0
        self._calls = asyncio.Lock()
        #: All points so far, by key and step.
        self._points: dict[tuple[str, int], float] = {}

    def hear(self, kind: str, values: dict[str, Any]) -> None:
        if kind == "progress":
            message = cut_bytes(values["message"], MESSAGE_BYTES)
            self._progress = {"progress": values["fraction"], "message": message}
        elif kind == "metric":
            self._take_metric(values["key"], values["value"], values["step"])
        elif kind == "log":
            for line in str(values["message"]).splitlines() or [""]:
                self._take_line(values["level"], line)

    def points(self) -> list[dict[str, Any]]:
        """The live metrics as the result takes them."""
        return [metric(key, value, step) for (key, step), value in self._points.items()]

    async def forward(self, heed: Callable[[Awaitable[Any]], Awaitable[Any]]) -> None:
        """Sends what there is, twice a second, until it is cancelled. `heed` acts on the answers."""
        while True:
            if self._progress or self._metrics or self._lines:
                await heed(self.send())
            await asyncio.sleep(EVERY)

    async def flush(self) -> None:
        """The last lines, before the attempt ends; not worth failing for."""
        while self._lines or self._metrics:
            before = len(self._lines) + len(self._metrics)
            try:
                await self.send()
            except ClientError as error:
                log.warning("the last reports did not come through: %s", error)
                return
            if len(self._lines) + len(self._metrics) >= before:
                return

    async def send(self) -> dict[str, Any]:
        """One round; the answer of `reportProgress`, or nothing where there was no progress."""
        async with self._calls:
            answer = await self._send_progress()
            if self._features.logs:
                await self._send_lines()
            else:
                self._lines.clear()
            return answer

    async def _send_progress(self) -> dict[str, Any]:
        progress, self._progress = self._progress, None
        if not self._features.live_metrics:
            self._metrics.clear()
        batch = [self._metrics[at] for at in range(min(len(self._metrics), METRICS_A_CALL))]
        if progress is None and not batch:
            return {}
        # The server needs a number with each report: the last one, where only metrics are new.
        self._last = progress or getattr(self, "_last", {"progress": 0.0, "message": ""})
        given = self._job | self._last | ({"metrics": batch} if batch else {})
        try:
            answer = await self._client.mutate("ReportProgress", PROGRESS, given)
        except (Rejected, UserErrors) as error:
            # What the server does not take, it will not take the next time.
            self._forget(len(batch))
            if not batch or error.has_code("LEASE_LOST") or error.has_code("NOT_FOUND"):
                raise
            log.warning("live metrics are not taken: %s", error)
            return {}
        self._forget(len(batch))
        return answer

    def _forget(self, count: int) -> None:
        for _ in range(count):
            self._metrics.popleft()

    async def _send_lines(self) -> None:
        batch = [self._lines[at] for at in range(min(len(self._lines), LINES_A_CALL))]
        if not batch:
            return
        # Sent again with the same offset, nothing is stored twice.
        given = self._job | {"offset": self._sent, "lines": batch}
        try:
            await self._client.mutate("ReportLogs", LOGS, given)
        except (Rejected, UserErrors) as error:
            if error.has_code("LEASE_LOST") or error.has_code("NOT_FOUND"):
                raise
            log.warning("log lines are not taken: %s", error)
        self._sent += len(batch)
        for _ in batch:
            self._lines.popleft()
        if self._left_out and len(self._lines) < MAX_WAITING // 2:
            left_out, self._left_out = self._left_out, 0
            self._take_line("WARN", f"{left_out} lines were left out: too many at once")

    def _take_line(self, level: str, message: str) -> None:
        if len(self._lines) >= MAX_WAITING:
            self._left_out += 1
            return
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._lines.append({"at": at, "level": level, "message": cut_bytes(message, LINE_BYTES)})

    def _take_metric(self, key: str, value: float, step: int) -> None:
        self._metrics.append(metric(key, value, step))
        while len(self._metrics) > MAX_WAITING:
            self._metrics.popleft()
        self._points[(key, step)] = value
        if len(self._points) > MAX_POINTS:
            last = {name: at for name, at in self._points}
            kept = [point for place, point in enumerate(self._points) if place % 2 or last[point[0]] == point[1]]
            self._points = {point: self._points[point] for point in kept}


def metric(key: str, value: float, step: int = 0) -> dict[str, Any]:
    """JSON has no NaN and no infinities: they travel by name."""
    if math.isfinite(value):
        return {"key": key, "value": value, "step": step}
    special = "NAN" if math.isnan(value) else "POS_INF" if value > 0 else "NEG_INF"
    return {"key": key, "special": special, "step": step}
