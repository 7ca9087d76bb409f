"""Files by their SHA-256, kept on disk between jobs.

A file is checked when it arrives, and once more when a later process finds it there. Jobs that ask for the same file at the
same time cause one download. What was not used for the longest time goes when the cache is over its limit; files in use stay.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import shutil
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from .client import WrongAnswer
from .files import checksum

log = logging.getLogger("nunatak_runner")

_SHA256 = re.compile(r"^[0-9a-f]{64}$")


class Cache:
    """A slot of the cache directory, which this process holds alone: what it removes must not be in another's use."""

    def __init__(self, parent: Path, max_bytes: int) -> None:
        self.directory, self._lock = _slot(parent)
        self._max_bytes = max_bytes
        self._flights: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._pins: defaultdict[str, int] = defaultdict(int)
        #: Size and last use of what is here.
        self._files: dict[str, tuple[int, float]] = {}
        self._checked: set[str] = set()
        for path in self.directory.iterdir():
            if path.name.startswith(".nunatak-"):
                # What a runner that was killed left behind.
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            elif _SHA256.match(path.name):
                status = path.stat()
                self._files[path.name] = (status.st_size, status.st_mtime)
        self._evict(0)

    def close(self) -> None:
        os.close(self._lock)

    @contextlib.asynccontextmanager
    async def get(self, sha256: str, size: int, fetch: Callable[[Path], Awaitable[None]]) -> AsyncIterator[Path]:
        """The file with this checksum; it stays as long as the block lasts. When it is not here, `fetch` puts it there."""
        # The checksum becomes a file name.
        if not _SHA256.match(sha256):
            raise WrongAnswer("the server gave a checksum that is none")
        path = self.directory / sha256
        self._pins[sha256] += 1
        try:
            async with self._flights[sha256]:
                if not await self._is_here(sha256, path):
                    self._evict(size)
                    await fetch(path)
                self._files[sha256] = (path.stat().st_size, time.time())
                self._checked.add(sha256)
            yield path
        finally:
            self._pins[sha256] -= 1
            self._evict(0)

    async def _is_here(self, sha256: str, path: Path) -> bool:
        known = self._files.get(sha256)
        if known is None or not path.is_file():
            return False
        if sha256 in self._checked and path.stat().st_size == known[0]:
            return True
        if await asyncio.to_thread(checksum, path) == sha256:
            return True
        log.warning("a cached file is damaged and will be fetched again")
        return False

    def _evict(self, coming: int) -> None:
        total = coming + sum(size for size, _ in self._files.values())
        for sha256, (size, _) in sorted(self._files.items(), key=lambda item: item[1][1]):
            if total <= self._max_bytes:
                return
            if self._pins[sha256] == 0:
                (self.directory / sha256).unlink(missing_ok=True)
                del self._files[sha256]
                self._checked.discard(sha256)
                total -= size


def _slot(parent: Path) -> tuple[Path, int]:
    """The first slot that nobody holds, and its lock, which goes with the process however it ends."""
    import fcntl

    for number in range(10_000):
        directory = parent / f"python-{number}"
        directory.mkdir(parents=True, exist_ok=True)
        lock = os.open(directory / ".lock", os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return directory, lock
        except OSError:
            os.close(lock)
    raise OSError("no slot in the cache directory is free")
