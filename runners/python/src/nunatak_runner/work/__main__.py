"""`python -m nunatak_runner.work`: told what to do by lines of JSON on stdin, it answers by lines of JSON on stdout.

A process of its own, so that a detector that never looks up can be ended, and one that crashes takes nothing with it. It
lives from job to job, because importing libraries takes seconds, and ends with the runner that started it.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from typing import Any

from .. import catalogue
from ..errors import Cancelled, DetectorError
from ..text import safe_sentence
from . import jobs, output


class Channel:
    """Lines in both directions; `tell` may be called from any thread."""

    def __init__(self) -> None:
        # What a library prints must not get between the lines: stdout becomes stderr for everybody else.
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        self._lock = threading.Lock()
        self.cancelled = threading.Event()
        self.orders: queue.Queue[dict[str, Any]] = queue.Queue()

    def tell(self, kind: str, values: dict[str, Any]) -> None:
        line = json.dumps({"tell": kind, **values})
        with self._lock:
            self._out.write(line + "\n")
            self._out.flush()

    def listen(self) -> None:
        for line in sys.stdin:
            order = json.loads(line)
            if order["do"] == "cancel":
                self.cancelled.set()
                continue
            if order["do"] == "job":
                self.cancelled.clear()
            self.orders.put(order)
        # The runner is gone, and with it whoever could take a result.
        os._exit(0)


def main() -> None:
    # Ctrl-C is for the runner, which lets jobs finish.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_parent()
    channel = Channel()
    threading.Thread(target=channel.listen, daemon=True).start()
    output.redirect(channel.tell)
    start = channel.orders.get()
    try:
        detectors = catalogue.load(catalogue.Choice.from_json(start["choice"]))
        described = [catalogue.describe(kind) for kind in detectors.values()] if start["describe"] else []
    except catalogue.PluginError as error:
        channel.tell("refused", {"message": str(error)})
        sys.exit(2)
    channel.tell("ready", {"detectors": described})
    bench = jobs.Bench(detectors)
    while True:
        _one(channel, bench, channel.orders.get())


def _one(channel: Channel, bench: jobs.Bench, order: dict[str, Any]) -> None:
    try:
        result = jobs.run(bench, order, channel.tell, channel.cancelled.is_set)
        channel.tell("done", {"result": result})
    except Cancelled:
        channel.tell("failed", {"code": "CANCELLED", "message": "The job was cancelled.", "retryable": False})
    except DetectorError as error:
        channel.tell("failed", {"code": error.code, "message": str(error), "retryable": error.retryable})
    except MemoryError:
        message = "The runner does not have the memory that this job needs."
        channel.tell("failed", {"code": "OUT_OF_MEMORY", "message": message, "retryable": True})
    except OSError as error:
        output.traceback(error)
        message = "The runner could not read or write a file on its disk."
        channel.tell("failed", {"code": "DISK", "message": message, "retryable": True})
    except Exception as error:  # noqa: BLE001 (a fault of the detector must not end the process)
        output.traceback(error)
        what = f"{type(error).__name__}: {safe_sentence(str(error))}"
        message = f"The detector stopped unexpectedly, which is a fault of the detector: {what}"
        channel.tell("failed", {"code": "DETECTOR_FAULT", "message": message, "retryable": False})


def _end_with_parent() -> None:
    """On Linux the kernel sees to it, should the runner be killed while a library holds the interpreter."""
    if sys.platform != "linux":
        return
    import ctypes

    pr_set_pdeathsig = 1
    try:
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
    except (OSError, AttributeError):
        return


if __name__ == "__main__":
    main()
