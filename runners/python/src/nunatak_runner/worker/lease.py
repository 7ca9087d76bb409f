"""Keeping a claim: a sign of life now and then, and noticing when the claim is gone."""

from __future__ import annotations

import asyncio
import enum
import logging
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

from .client import Client, ClientError
from .failure import is_lease_lost
from .operations import Features

log = logging.getLogger("nunatak_runner")

#: The longest that the server holds a heartbeat's answer back.
MAX_WAIT = 20


class Reason(enum.Enum):
    """Why an attempt ends before its work is done."""

    #: Someone asked the server to cancel the job.
    CANCELLED = 1
    #: The job is another runner's now, or nobody's: nothing that we say about it counts.
    LEASE_LOST = 2
    #: The runner shuts down and the job did not finish in time.
    SHUTDOWN = 3


class Stop:
    """The first reason to stop; a lost lease outranks what came before."""

    def __init__(self) -> None:
        self.reason: Reason | None = None
        self._event = asyncio.Event()

    def stop(self, reason: Reason) -> None:
        if self.reason is None or reason is Reason.LEASE_LOST:
            self.reason = reason
        self._event.set()

    async def wait(self) -> None:
        await self._event.wait()

    async def sleep(self, seconds: float) -> bool:
        """Whether there was a reason to stop meanwhile."""
        try:
            await asyncio.wait_for(self._event.wait(), seconds)
        except TimeoutError:
            return False
        return True


@dataclass(frozen=True)
class Registration:
    """A registered runner and the rhythm that the server asks for."""

    runner: str
    lease: float
    heartbeat: float


async def keep(client: Client, features: Features, registration: Registration, job: dict[str, Any], stop: Stop) -> None:
    """Keeps one heartbeat open beside the work, until it is cancelled or the lease is lost.

    The lease is counted on our own clock from before each successful call, so that we never believe in it longer than
    the server does. The server extends it when a call arrives, and answers when the job is cancelled or the time is up.
    """
    expires = time.monotonic() + registration.lease
    # Half of the rhythm for the wait, and as much again for the answer to arrive.
    wait = min(registration.heartbeat / 2, MAX_WAIT) if features.wait else 0
    given = job | ({"waitSeconds": wait} if wait else {})
    while stop.reason is not Reason.LEASE_LOST:
        sent = time.monotonic()
        # Not as long as a lease, so that a single dead connection does not use it up.
        limit = min(max(wait * 2, registration.heartbeat), max(expires - sent, 0.1))
        came_through = await heed(client.mutate("Heartbeat", features.heartbeat, given, timeout=limit), client, stop)
        now = time.monotonic()
        if came_through:
            expires = sent + registration.lease
        elif now >= expires:
            log.warning("no heartbeat came through for a whole lease of %.0f s", registration.lease)
            stop.stop(Reason.LEASE_LOST)
        if not came_through:
            await asyncio.sleep(min(registration.heartbeat / 4, max(expires - now, 0.0)))
        elif now - sent < wait or not wait or stop.reason is not None:
            # Answered at once: an older server, or a cancel that was heard already.
            await asyncio.sleep(max(registration.heartbeat - (now - sent), 0.05))


async def heed(call: Awaitable[dict[str, Any]], client: Client, stop: Stop) -> bool:
    """Acts on the answer to a heartbeat or a report; whether it prolonged the lease."""
    try:
        answer = await call
    except ClientError as error:
        # NOT_FOUND: the project was deleted, or this token is for another attempt.
        if is_lease_lost(error) or error.has_code("NOT_FOUND"):
            stop.stop(Reason.LEASE_LOST)
        else:
            log.warning("a sign of life did not come through: %s", error)
        return False
    if answer.get("token"):
        client.token = answer["token"]
    if answer.get("cancelRequested"):
        stop.stop(Reason.CANCELLED)
    return True
