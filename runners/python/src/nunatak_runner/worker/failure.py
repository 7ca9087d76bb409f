"""What goes wrong in an attempt, by what is to be done about it."""

from __future__ import annotations

import errno
import logging

from .client import ClientError, Rejected, Unauthenticated, Unreachable, UserErrors, WrongChecksum

log = logging.getLogger("nunatak_runner")


class LeaseLost(Exception):
    """The server said that the job is not ours: say nothing, claim the next."""


class Failure(Exception):
    """What `failJob` takes."""

    def __init__(self, code: str, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable


def is_lease_lost(error: BaseException) -> bool:
    """The claim is gone: taken by another runner, finished, deleted, its token expired."""
    return isinstance(error, Unauthenticated) or (isinstance(error, ClientError) and error.has_code("LEASE_LOST"))


def is_passing(code: str) -> bool:
    words = ("INTERNAL", "TIMEOUT", "RATE_LIMITED", "UNKNOWN", "CHECKSUM_MISMATCH")
    return code in words or code.startswith(("UPLOAD_", "HTTP_5"))


def of_error(error: Exception) -> Exception:
    """A `Failure` or `LeaseLost` for whatever went wrong."""
    if isinstance(error, (Failure, LeaseLost)):
        return error
    if is_lease_lost(error):
        return LeaseLost()
    if isinstance(error, Rejected):
        return Failure(error.code, str(error), retryable=is_passing(error.code))
    if isinstance(error, UserErrors):
        code = error.codes[0] if error.codes else "INVALID_INPUT"
        return Failure(code, str(error), retryable=is_passing(code))
    if isinstance(error, WrongChecksum):
        text = "A file arrived at the runner with other bytes than it was stored with."
        return Failure("CHECKSUM", text, retryable=True)
    if isinstance(error, OSError) and not isinstance(error, Unreachable):
        log.error("the runner's disk failed: %s", error)
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        text = "The runner's disk is full." if full else "The runner could not read or write a file on its disk."
        return Failure("DISK", text, retryable=True)
    if isinstance(error, ClientError):
        log.warning("the server did not answer as it should: %s", error)
        text = "The runner could not get an answer from the server."
        return Failure("SERVER_UNREACHABLE", text, retryable=True)
    log.error("an attempt failed unexpectedly", exc_info=error)
    return Failure("PANIC", "The runner failed unexpectedly; its log has the details.", retryable=True)
