"""One claim from beginning to end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from . import files, lease
from .child import Child
from .client import Backoff, Unreachable
from .crew import Crew
from .failure import Failure, LeaseLost, of_error
from .lease import Reason, Stop
from .operations import COMPLETE, FAIL
from .reports import Reports, metric

log = logging.getLogger("nunatak_runner")

T = TypeVar("T")

#: What the files are called for those who download them.
ARTIFACT_NAME, SCORES_NAME = "model.safetensors", "scores.safetensors"
#: More is no model of this runner, and is not fetched.
MAX_ARTIFACT_BYTES = (1 << 30) + (16 << 20)


class Stopped(Exception):
    """There was a reason to stop; it says what to tell."""


class Attempt:
    """Runs a claimed job, and tells the server how it went. Errors end here."""

    def __init__(self, crew: Crew, claim: dict[str, Any], child: Child | None) -> None:
        self.crew, self.claim, self.child = crew, claim, child
        self.job: dict[str, Any] = claim["job"]
        self.number: int = claim["attempt"]
        #: With the token of the claim, which sees only this job's data.
        self.client = crew.client.with_token(claim["token"])
        self.stop = Stop()
        self.reports = Reports(self.client, crew.features, self.job["id"], self.number)
        #: Past computing: a result that is handed in late still counts.
        self.delivering = False

    @property
    def about(self) -> dict[str, Any]:
        return {"job": self.job["id"], "attempt": self.number}

    async def run(self) -> None:
        started = time.monotonic()
        log.info("job %s attempt %d: started (%s)", self.job["id"], self.number, self.job["kind"])
        registration = self.crew.registration
        assert registration is not None
        beside = [
            asyncio.create_task(lease.keep(self.client, self.crew.features, registration, self.about, self.stop)),
            asyncio.create_task(self.reports.forward(lambda call: lease.heed(call, self.client, self.stop))),
            asyncio.create_task(self._hear_shutdown()),
        ]
        try:
            await self._work_and_tell()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
        log.info("job %s attempt %d: ended after %.1f s", self.job["id"], self.number, time.monotonic() - started)

    async def give_back(self) -> None:
        """For a job that came when there was no more time to begin it."""
        self.stop.stop(Reason.SHUTDOWN)
        await self._tell(Stopped())

    def _process(self) -> Child:
        assert self.child is not None
        return self.child

    async def _hear_shutdown(self) -> None:
        await self.crew.give_up.wait()
        self.stop.stop(Reason.SHUTDOWN)

    async def _work_and_tell(self) -> None:
        work = asyncio.create_task(self._work())
        stopped = asyncio.create_task(self.stop.wait())
        await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            await self._end(work)
        stopped.cancel()
        error = Stopped() if work.cancelled() else work.exception()
        if error is not None:
            await self._tell(error)

    async def _end(self, work: asyncio.Task[None]) -> None:
        """A detector is asked first and killed then; a delivery may finish the call at hand."""
        if self.delivering:
            await asyncio.wait({work}, timeout=5.0)
        elif self.stop.reason is Reason.CANCELLED:
            await self._process().cancel()
            await asyncio.wait({work}, timeout=self.crew.options.grace)
        if not work.done():
            await self._process().end()
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def _work(self) -> None:
        kind = self.job["kind"]
        if kind not in ("TRAIN", "PREDICT", "EVALUATE"):
            raise Failure("UNSUPPORTED_JOB", "This runner is too old for this kind of job.", retryable=True)
        with tempfile.TemporaryDirectory(dir=self.crew.cache.directory, prefix=".nunatak-") as directory:
            output = Path(directory) / (ARTIFACT_NAME if kind == "TRAIN" else SCORES_NAME)
            result = await self._compute(output)
            self.delivering = True
            final = result["metrics"]
            points = [point for point in self.reports.points() if point["key"] not in final]
            result["metrics"] = [metric(key, value) for key, value in final.items()] + points
            if kind != "EVALUATE":
                name = "artifactUpload" if kind == "TRAIN" else "scoresUpload"
                result[name] = await self._upload(output)
        await self.reports.flush()
        given = self.about | {"result": {kind.lower(): result}}
        await self.until_answered(lambda: self.client.mutate("CompleteJob", COMPLETE, given))
        log.info("job %s attempt %d: completed", self.job["id"], self.number)

    async def _compute(self, output: Path) -> dict[str, Any]:
        dataset, version = self.claim["dataset"], self.claim.get("artifact")
        if version is None and self.job["kind"] != "TRAIN":
            raise Failure("NO_ARTIFACT", "The job names no version to apply.", retryable=False)
        async with contextlib.AsyncExitStack() as held:
            rows = await held.enter_async_context(self._cached(dataset))
            model = None
            if version is not None:
                if int(version["size"]) > MAX_ARTIFACT_BYTES:
                    raise Failure("ARTIFACT", "the artefact cannot be used: it is too large", retryable=False)
                model = await held.enter_async_context(self._cached(version))
            order = {
                "kind": self.job["kind"],
                "detector": self.job["detectorName"],
                "version": self.job["detectorVersion"],
                "hyperparameters": self.job["hyperparameters"],
                "seed": int(self.job["seed"] or 0),
                "source": {
                    "path": str(rows),
                    "format": dataset["format"],
                    "feature_columns": dataset["featureColumns"],
                    "time_column": dataset["timeColumn"],
                    "label_column": dataset["labelColumn"],
                },
                "rows": self.claim.get("rows"),
                "artifact": None if model is None else str(model),
                "artifactSha256": None if version is None else version["sha256"],
                # The version's own may differ from its file's: it can be set anew without training again.
                "threshold": None if version is None else version.get("threshold"),
                "output": str(output),
            }
            return await self._process().run(order, self.reports.hear)

    def _cached(self, file: dict[str, Any]) -> contextlib.AbstractAsyncContextManager[Path]:
        async def fetch(path: Path) -> None:
            await self.until_answered(partial(files.download, self.client, file["url"], path, file["sha256"]))

        return self.crew.cache.get(file["sha256"], int(file["size"]), fetch)

    async def _upload(self, path: Path) -> str:
        key = f"{self.job['id']}-{self.number}"
        sending = partial(files.upload, self.client, self.claim["project"], path, path.name, key)
        return await self.until_answered(sending)

    async def until_answered(self, call: Callable[[], Awaitable[T]]) -> T:
        """Calls until the server is there: a finished training survives a restart of the server. Once there is a reason
        to stop (the heartbeat sees to that when the lease has run out) the call at hand is the last one."""
        backoff = Backoff(0.5, 10.0)
        while True:
            try:
                return await call()
            except Unreachable:
                if self.stop.reason is not None or await self.stop.sleep(backoff.next_delay()):
                    raise Stopped from None

    async def _tell(self, error: BaseException) -> None:
        failure = self._what_to_tell(error)
        if failure is None:
            log.info("job %s attempt %d: the lease is lost; the work is dropped", self.job["id"], self.number)
            return
        # Without the message: it is for the user, and the server has it anyway.
        log.warning("job %s attempt %d: failed with %s", self.job["id"], self.number, failure.code)
        await self.reports.flush()
        given = self.about | {"code": failure.code[:60], "message": str(failure)[:4000], "retryable": failure.retryable}
        try:
            await self.until_answered(lambda: self.client.mutate("FailJob", FAIL, given))
        except Exception as lost:  # noqa: BLE001 (whatever it is, the lease will run out)
            log.warning("cannot give the job back (%s); its lease will run out", type(lost).__name__)

    def _what_to_tell(self, error: BaseException) -> Failure | None:
        """Why the attempt was stopped outranks how that showed; None when there is nobody to tell."""
        known = of_error(error) if isinstance(error, Exception) and not isinstance(error, Stopped) else error
        if self.stop.reason is Reason.LEASE_LOST or isinstance(known, LeaseLost):
            return None
        if self.stop.reason is Reason.CANCELLED:
            return Failure("CANCELLED", "The job was cancelled.", retryable=False)
        if self.stop.reason is Reason.SHUTDOWN:
            text = "The runner was shut down before the job was done."
            return Failure("RUNNER_SHUTDOWN", text, retryable=True)
        if isinstance(known, Failure) and known.code != "CANCELLED":
            return known
        return Failure("STOPPED", "The detector stopped before it was done.", retryable=True)
