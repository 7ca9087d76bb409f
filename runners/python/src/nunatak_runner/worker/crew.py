"""What all jobs of a runner share."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Any

from .cache import Cache
from .child import Child
from .client import Backoff, Client, ClientError, Rejected, Unauthenticated, UserErrors
from .lease import Registration
from .operations import DRAIN, REGISTER, Features
from .options import Options

log = logging.getLogger("nunatak_runner")


class Refused(Exception):
    """The server does not want this runner; starting again would not help."""


@dataclass
class Crew:
    client: Client
    options: Options
    cache: Cache
    features: Features
    #: As `registerRunner` takes them.
    detectors: list[dict[str, Any]]
    registration: Registration | None = None
    #: Set first on shutdown: claim no more.
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    #: Set when the drain time is over: give back what still runs.
    give_up: asyncio.Event = field(default_factory=asyncio.Event)

    async def register(self) -> Registration:
        """Registers, and keeps trying while the server is not there."""
        given: dict[str, Any] = {
            "name": self.options.name,
            "labels": list(self.options.labels),
            "detectors": self.detectors,
        }
        if self.features.capacity:
            given["capacity"] = self.options.concurrency
        made = await until_there(lambda: self.client.mutate("RegisterRunner", REGISTER, given), "register")
        self.registration = Registration(made["runner"]["id"], made["leaseSeconds"], made["heartbeatSeconds"])
        log.info(
            "registered %s as %s with %d detectors; the lease is %.0f s",
            self.options.name,
            self.registration.runner,
            len(self.detectors),
            self.registration.lease,
        )
        return self.registration

    async def drain(self) -> None:
        """Tells the server that no more is claimed; it will notice by itself if this does not arrive."""
        if not self.features.drain or self.registration is None:
            return
        try:
            await self.client.mutate("DrainRunner", DRAIN, {"runner": self.registration.runner}, timeout=5.0)
        except ClientError as error:
            log.warning("the server does not know that this runner ends: %s", error)

    async def child(self) -> Child:
        child, _ = await Child.start(self.options.choice, self.options.threads)
        return child


async def until_there(call: Any, what: str) -> Any:
    """Calls until the server is there to answer. A fault of the server may pass, and so may a page of a proxy."""
    # A server needs a second or two to start; after 10 s a person is looking at the log.
    backoff = Backoff(0.2, 10.0)
    while True:
        try:
            return await call()
        except (Unauthenticated, UserErrors) as error:
            raise Refused(str(error)) from None
        except ClientError as error:
            if isinstance(error, Rejected) and error.code in ("FORBIDDEN", "NOT_FOUND", "INVALID_INPUT"):
                raise Refused(str(error)) from None
            wait = backoff.next_delay()
            log.warning("cannot %s yet, again in %.1f s: %s", what, wait, error)
        await asyncio.sleep(wait)
