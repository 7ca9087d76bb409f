"""From the first sign of life to the last job."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import Any

from ..catalogue import PluginError
from .attempt import Attempt
from .cache import Cache
from .child import Child
from .client import Backoff, Client, ClientError, Unauthenticated, UserErrors
from .crew import Crew, Refused, until_there
from .failure import Failure
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
    try:
        child, detectors = await Child.start(options.choice, options.threads, describe=True)
    except Failure as error:
        raise PluginError(f"the process for jobs ended while it loaded the detectors: {error}") from None
    starting = asyncio.create_task(_start(client, options, cache, detectors))
    try:
        await _first(starting, shutdown)
        if not starting.done():
            return
        crew = starting.result()
    finally:
        starting.cancel()
        if not starting.done() or starting.cancelled() or starting.exception():
            await child.end()
    # The first process has the libraries in memory already.
    first: list[Child | None] = [child] + [None] * (options.concurrency - 1)
    loops = [asyncio.create_task(_claim_jobs(crew, ready)) for ready in first]
    stopping = asyncio.create_task(shutdown.wait())
    # The first loop that fails ends the runner; the others may finish their jobs.
    await asyncio.wait({*loops, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    await _wind_up(crew, loops, at_once)


async def _start(client: Client, options: Options, cache: Cache, detectors: list[dict[str, Any]]) -> Crew:
    features = await until_there(lambda: Features.of(client), "reach the server")
    crew = Crew(client, options, cache, features, detectors)
    await crew.register()
    return crew


async def _wind_up(crew: Crew, loops: list[asyncio.Task[None]], at_once: asyncio.Event) -> None:
    drain = asyncio.create_task(crew.drain())
    hurry = asyncio.create_task(at_once.wait())
    hurry.add_done_callback(lambda _: crew.give_up.set())
    crew.closing.set()
    log.info("claiming no more; %.0f s for running jobs", crew.options.drain)
    try:
        await _all(loops, crew.options.drain, crew.give_up)
        crew.give_up.set()
        await _all(loops, GIVE_BACK)
        await drain
    finally:
        hurry.cancel()
        drain.cancel()
        for loop in loops:
            loop.cancel()
    for loop in loops:
        if loop.done() and not loop.cancelled():
            loop.result()


async def _all(loops: list[asyncio.Task[None]], seconds: float, unless: asyncio.Event | None = None) -> None:
    """Returns when all loops have ended, the time is up, or the event is set."""
    everything = asyncio.gather(*loops, return_exceptions=True)
    shielded = asyncio.shield(everything)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await (_first(shielded, unless) if unless else shielded)


async def _claim_jobs(crew: Crew, child: Child | None) -> None:
    """Claims and runs jobs, one at a time, in a process that is ready before there is a job."""
    backoff, idle = Backoff(0.5, 10.0), Backoff(1.0, 1.0)
    try:
        while not crew.closing.is_set():
            asked = time.monotonic()
            try:
                if child is None or not child.is_alive:
                    child = await crew.child()
                claim = await _claim(crew)
            except Unauthenticated as error:
                raise Refused(f"cannot claim jobs: {error}") from None
            except (ClientError, Failure) as error:
                wait = backoff.next_delay()
                log.warning("cannot claim a job, again in %.1f s: %s", wait, error)
                if isinstance(error, UserErrors) or (isinstance(error, ClientError) and error.has_code("NOT_FOUND")):
                    # The server no longer knows this runner: its database was replaced.
                    await crew.register()
            else:
                backoff.reset()
                if claim is not None:
                    await Attempt(crew, claim, child).run()
                    continue
                # For a server that answers "nothing" at once instead of waiting.
                wait = 0.0 if time.monotonic() - asked >= 1.0 else idle.next_delay()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(crew.closing.wait(), wait)
    finally:
        if child is not None:
            await child.end()


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


async def _first(task: asyncio.Future[Any], event: asyncio.Event) -> None:
    """Returns once the task is done or the event is set."""
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
