"""What detectors print or log becomes lines of the job's log."""

from __future__ import annotations

import io
import logging
import sys
import traceback as traces

from ..context import Tell

_LEVELS = ((logging.ERROR, "ERROR"), (logging.WARNING, "WARN"), (logging.INFO, "INFO"), (0, "DEBUG"))


class _Lines(io.TextIOBase):
    """`sys.stdout` of a detector."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if line.strip():
                self._tell("log", {"level": "INFO", "message": line})
        return len(text)


class _Handler(logging.Handler):
    def __init__(self, tell: Tell) -> None:
        super().__init__(logging.INFO)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        level = next(word for least, word in _LEVELS if record.levelno >= least)
        self._tell("log", {"level": level, "message": record.getMessage()})


def redirect(tell: Tell) -> None:
    sys.stdout = _Lines(tell)
    root = logging.getLogger()
    root.addHandler(_Handler(tell))
    root.setLevel(logging.INFO)


def traceback(error: BaseException) -> None:
    """For the runner's own log, which its operator reads: the user gets one sentence."""
    traces.print_exception(error, file=sys.stderr)
