"""The process that computes, seen from the runner: started, told, heard, ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from ..catalogue import Choice, PluginError
from .failure import Failure

#: A line holds a result with its figures.
MAX_LINE = 64 << 20
#: Variables by which numeric libraries learn how many threads to use; they read them when they are loaded.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

#: `hear(kind, values)`: progress, metrics and log lines of a job.
Hear = Callable[[str, dict[str, Any]], None]


class Child:
    """One process, for one job at a time. Made by `start`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._killed = False

    @classmethod
    async def start(cls, choice: Choice, threads: int, *, describe: bool = False) -> tuple[Child, list[dict[str, Any]]]:
        """The process, ready for a job, and what its detectors are if `describe`."""
        # The token stays here: detectors are other people's code.
        environment = {name: value for name, value in os.environ.items() if name != "NUNATAK_TOKEN"}
        environment |= {name: str(threads) for name in _THREADS}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "nunatak_runner.work",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=MAX_LINE,
            env=environment,
            # A group of its own: Ctrl-C is for the runner, and an end takes the process's own children along.
            start_new_session=True,
        )
        child = cls(process)
        try:
            await child._say({"do": "start", "choice": choice.to_json(), "describe": describe})
            while True:
                line = await child._hear()
                if line["tell"] == "refused":
                    raise PluginError(line["message"])
                if line["tell"] == "ready":
                    return child, line["detectors"]
        except BaseException:
            await child.end()
            raise

    async def run(self, order: dict[str, Any], hear: Hear) -> dict[str, Any]:
        """The result of a job; a `Failure` says why there is none."""
        await self._say({"do": "job", **order})
        while True:
            line = await self._hear()
            kind = line.pop("tell")
            if kind == "done":
                return line["result"]
            if kind == "failed":
                raise Failure(line["code"], line["message"], retryable=line["retryable"])
            hear(kind, line)

    async def cancel(self) -> None:
        """Asks; a detector that looks up ends its job."""
        with contextlib.suppress(Failure):
            await self._say({"do": "cancel"})

    async def end(self) -> None:
        """Ends it now, whatever it does, with all processes that it started."""
        self._killed = True
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None and not self._killed

    async def _say(self, order: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            raise await self._gone() from None

    async def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise await self._gone()
        return json.loads(line)

    async def _gone(self) -> Failure:
        """What an operating system's word for the end of a process means to the user."""
        code = await self._process.wait()
        if code == -signal.SIGKILL:
            text = "The detector's process was ended from outside, most likely because the machine ran out of memory."
            return Failure("KILLED", text, retryable=True)
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        text = f"The detector's process ended unexpectedly ({how}), which is a fault of the detector or its library."
        return Failure("CRASHED", text, retryable=False)
