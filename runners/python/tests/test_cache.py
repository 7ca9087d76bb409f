"""Files between jobs: checked, bounded, and held by one process."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from nunatak_runner.worker.cache import Cache
from nunatak_runner.worker.client import WrongAnswer


def content_of(number: int) -> tuple[bytes, str]:
    content = bytes([number]) * 100
    return content, hashlib.sha256(content).hexdigest()


async def get(cache: Cache, number: int, fetched: list[int]) -> bytes:
    content, sha256 = content_of(number)

    async def fetch(path: Path) -> None:
        fetched.append(number)
        await asyncio.sleep(0)
        path.write_bytes(content)

    async with cache.get(sha256, 100, fetch) as path:
        return path.read_bytes()


def test_a_file_is_fetched_once_however_many_ask(tmp_path: Path) -> None:
    cache, fetched = Cache(tmp_path, 1000), []

    async def story() -> None:
        found = await asyncio.gather(*(get(cache, 1, fetched) for _ in range(5)))
        assert set(found) == {content_of(1)[0]}

    asyncio.run(story())
    assert fetched == [1]


def test_what_was_not_used_for_the_longest_time_goes(tmp_path: Path) -> None:
    cache, fetched = Cache(tmp_path, 250), []

    async def story() -> None:
        for number in (1, 2, 1, 3, 1, 2):
            await get(cache, number, fetched)

    asyncio.run(story())
    assert fetched == [1, 2, 3, 2]
    assert len([path for path in cache.directory.iterdir() if len(path.name) == 64]) == 2


def test_a_file_that_was_damaged_between_two_starts_is_fetched_again(tmp_path: Path) -> None:
    cache, fetched = Cache(tmp_path, 1000), []
    asyncio.run(get(cache, 1, fetched))
    (cache.directory / content_of(1)[1]).write_bytes(b"other")
    (cache.directory / ".nunatak-left").mkdir()
    (cache.directory / ".nunatak-left" / "model").write_bytes(b"half")
    cache.close()
    again = Cache(tmp_path, 1000)
    assert again.directory == cache.directory and not (again.directory / ".nunatak-left").exists()
    assert asyncio.run(get(again, 1, fetched)) == content_of(1)[0]
    assert fetched == [1, 1]


def test_two_runners_do_not_share_a_slot(tmp_path: Path) -> None:
    first, second = Cache(tmp_path, 1000), Cache(tmp_path, 1000)
    assert first.directory != second.directory


def test_a_checksum_is_no_path(tmp_path: Path) -> None:
    async def story() -> None:
        async with Cache(tmp_path, 1000).get("../" * 3 + "x" * 55, 1, lambda path: asyncio.sleep(0)):
            raise AssertionError("it was taken")

    with pytest.raises(WrongAnswer):
        asyncio.run(story())
