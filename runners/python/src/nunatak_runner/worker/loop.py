"""From the first sign of life to the last job."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import Any

from .attempt import Attempt
from .cache import Cache
from .child import Child
from .client import Backoff, Client, ClientError, Unauthenticated, UserErrors
from .crew import Crew, Refused, until_there
from .operations import Features
from .options import Options

log = logging.getLogger("nunatak_runner")

#: Seconds that the server may hold the question back until there is a job.
CLAIM_WAIT = 20
#: Seconds that a claim under way is still waited for once the runner ends: it may bring a job, which is given back.
LAST_CLAIM = 1.0
#: Seconds that jobs which were told to stop may take to give themselves back.
GIVE_BACK = 10.0


async def run(client: Client, options: Options, shutdown: asyncio.Event, at_once: asyncio.Event | None = None) -> None:
    """Registers and works until `shutdown`; then stops claiming, lets running jobs finish for `options.drain` seconds (or
    until `at_once`) and gives the others back.

    Waits for a server that is not there, at the start as later. `Refused` when the server refuses token or registration.
    """
    cache = Cache(options.cache_dir, options.cache_max_bytes)
    working = asyncio.create_task(_work(client, options, cache, shutdown, at_once or asyncio.Event()))
    try:
        await working
    finally:
        working.cancel()
        cache.close()
        await client.close()


async def _work(client: Client, options: Options, cache: Cache, shutdown: asyncio.Event, at_once: asyncio.Event) -> None:
    child, detectors = await Child.start(options.choice, options.threads, describe=True)
    # The first process has the libraries in memory already: it computes the first job.
    ready = [child]
    try:
        starting = asyncio.create_task(_start(client, options, cache, detectors))
        await _first(starting, shutdown)
        if not starting.done():
            starting.cancel()
            return
        crew = starting.result()
        loops = [asyncio.create_task(_claim_jobs(crew, ready)) for _ in range(options.concurrency)]
        all_loops = asyncio.gather(*loops)
        await _first(all_loops, shutdown)
        await _wind_up(crew, all_loops, at_once)
    finally:
        for left in ready:
            await left.end()


async def _start(client: Client, options: Options, cache: Cache, detectors: list[dict[str, Any]]) -> Crew:
    features = await until_there(lambda: Features.of(client), "reach the server")
    crew = Crew(client, options, cache, features, detectors)
    await crew.register()
    return crew


async def _wind_up(crew: Crew, loops: asyncio.Future[Any], at_once: asyncio.Event) -> None:
    drain = asyncio.create_task(crew.drain())
    crew.closing.set()
    log.info("claiming no more; %.0f s for running jobs", crew.options.drain)
    try:
        hurry = asyncio.create_task(at_once.wait())
        await asyncio.wait({loops, hurry}, timeout=crew.options.drain, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        crew.give_up.set()
        await asyncio.wait({loops}, timeout=GIVE_BACK)
        await drain
    finally:
        drain.cancel()
    if loops.done():
        loops.result()
    else:
        loops.cancel()


async def _claim_jobs(crew: Crew, ready: list[Child]) -> None:
    backoff, idle = Backoff(0.5, 10.0), Backoff(1.0, 1.0)
    while not crew.closing.is_set():
        asked = time.monotonic()
        try:
            claim = await _claim(crew)
        except Unauthenticated as error:
            raise Refused(f"cannot claim jobs: {error}") from None
        except ClientError as error:
            wait = backoff.next_delay()
            log.warning("cannot claim a job, again in %.1f s: %s", wait, error)
            if isinstance(error, UserErrors) or error.has_code("NOT_FOUND"):
                # The server no longer knows this runner: its database was replaced.
                await crew.register()
        else:
            backoff.reset()
            if claim is not None:
                await _run(crew, claim, ready)
                continue
            # For a server that answers "nothing" at once instead of waiting.
            wait = 0.0 if time.monotonic() - asked >= 1.0 else idle.next_delay()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(crew.closing.wait(), wait) if wait else None


async def _claim(crew: Crew) -> dict[str, Any] | None:
    """The next job, or none when none came in time."""
    assert crew.registration is not None
    given = {"runner": crew.registration.runner, "waitSeconds": CLAIM_WAIT}
    asking = asyncio.create_task(crew.client.mutate("ClaimJob", crew.features.claim, given, timeout=CLAIM_WAIT + 30.0))
    await _first(asking, crew.closing)
    if not asking.done():
        await asyncio.wait({asking}, timeout=LAST_CLAIM)
    if not asking.done():
        asking.cancel()
        return None
    claim = asking.result()["claim"]
    if claim is not None and crew.closing.is_set():
        await Attempt(crew, claim, None).give_back()
        return None
    return claim


async def _run(crew: Crew, claim: dict[str, Any], ready: list[Child]) -> None:
    """Runs the job in a process that is ready, and keeps the process if it still is afterwards."""
    child = ready.pop() if ready else await crew.child()
    try:
        await Attempt(crew, claim, child).run()
    finally:
        if child.is_alive:
            ready.append(child)
        else:
            await child.end()


async def _first(task: asyncio.Future[Any], event: asyncio.Event) -> None:
    """Returns once the task is done or the event is set."""
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
