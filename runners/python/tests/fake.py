"""A scripted server, in threads of this process, and a runner in front of it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import scripted

from nunatak_runner.catalogue import Choice
from nunatak_runner.worker import loop
from nunatak_runner.worker.client import Client
from nunatak_runner.worker.options import Options

#: Ten ordinary rows and one that is far away, with labels.
ROWS = "x,y,anomaly\n1,0,0\n2,0,0\n3,0,0\n2,0,0\n1,0,0\n3,0,0\n2,0,0\n1,0,0\n2,0,0\n3,0,0\n99,0,1\n"
#: Without the libraries' detectors, whose imports take seconds.
NAMES = tuple(kind.name for kind in scripted.detectors())
LOST = [{"code": "LEASE_LOST", "message": "The job is another runner's.", "path": []}]
NEW = {
    "register": ["name", "labels", "detectors", "capacity"],
    "heartbeat": ["job", "attempt", "waitSeconds"],
    "beat": ["cancelRequested", "leaseExpiresAt", "token", "userErrors"],
    "progress": ["job", "attempt", "progress", "message", "metrics"],
    "claim": ["project", "attempt", "token", "job", "dataset", "artifact", "rows"],
    "mutation": ["claimJob", "drainRunner", "reportLogs"],
}
OLD = {"register": ["name"], "heartbeat": ["job"], "beat": ["cancelRequested"], "progress": ["job"], "claim": ["job"]}


class QuietServer(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """Runners that are killed leave broken connections: no news here."""


class FakeServer:
    """Answers calls of the protocol; tests look at what was called and turn what is answered."""

    def __init__(self, features: dict[str, list[str]] = NEW) -> None:
        self.features = features | {"mutation": features.get("mutation", ["claimJob"])}
        self.changed = threading.Condition()
        self.claims: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.uploads: list[bytearray] = []
        #: fine, cancel or lost: how a sign of life is answered.
        self.beat = "fine"
        #: Answers 503 to everything.
        self.down = False
        #: Payloads to give to the next calls of an operation, instead of the usual ones.
        self.instead: dict[str, list[Any]] = {}
        #: Operations of which the next answer gets lost on its way.
        self.lose: set[str] = set()
        #: The token that heartbeats hand out, and those that are refused.
        self.fresh: str | None = None
        self.refused: set[str] = set()
        #: Breaks the connection in the middle of the next uploads.
        self.break_uploads = 0
        self.break_downloads = 0
        #: (operation, token, input), in order.
        self.calls: list[tuple[str, str, Any]] = []
        self.http = QuietServer(("127.0.0.1", 0), self._handler())
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()

    def until(self, reached: Callable[[], Any], seconds: float = 20) -> Any:
        """Waits until the server was called so that `reached`, and gives what that is."""
        found = None

        def look() -> bool:
            nonlocal found
            found = reached()
            return bool(found)

        with self.changed:
            assert self.changed.wait_for(look, seconds), [call[0] for call in self.calls]
        return found

    def called(self, operation: str, count: int = 1) -> Any:
        """The input of the `count`-th call of `operation`, once it has come."""
        self.until(lambda: self.count(operation) >= count)
        return [given for name, _, given in self.calls if name == operation][count - 1]

    def count(self, operation: str) -> int:
        return sum(name == operation for name, _, _ in self.calls)

    def tokens(self, operation: str) -> list[str]:
        return [token for name, token, _ in self.calls if name == operation]

    def turn(self, **settings: Any) -> None:
        with self.changed:
            for name, value in settings.items():
                setattr(self, name, value)
            self.changed.notify_all()

    def give(self, kind: str, detector: str, artifact: bytes | None = None, **more: Any) -> None:
        """Gives the runner a job; its dataset is `ROWS` unless `csv` or `dataset` say otherwise."""
        text = more.pop("csv", ROWS).encode()
        dataset = self._file("rows.csv", text) | {
            "format": "CSV",
            "rowCount": text.count(b"\n") - 1,
            "featureColumns": more.pop("features", ["x"]),
            "timeColumn": None,
            "labelColumn": "anomaly",
        }
        job = {"kind": kind, "hyperparameters": more.pop("hyperparameters", None), "seed": "7"}
        claim = {
            "project": "prj_1",
            "attempt": 1,
            "token": "job-token",
            "rows": more.pop("rows", None),
            "job": job | {"id": more.pop("job", "job_1"), "detectorName": detector, "detectorVersion": "1.0.0"},
            "dataset": dataset | more.pop("dataset", {}),
            "artifact": None
            if artifact is None
            else self._file("model", artifact) | {"threshold": more.pop("threshold", None)},
        }
        assert not more, more
        self.turn(claims=[*self.claims, claim])

    def _file(self, name: str, content: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        self.files[f"/files/{digest}/{name}"] = content
        return {"url": f"/files/{digest}/{name}", "sha256": digest, "size": str(len(content)), "version": "v", "format": ""}

    def payload(self, operation: str, given: dict[str, Any]) -> Any:
        if self.instead.get(operation):
            return self.instead[operation].pop(0)
        match operation:
            case "RegisterRunner":
                return {"runner": {"id": "run_1"}, "leaseSeconds": 5.0, "heartbeatSeconds": 1.0}
            case "ClaimJob":
                self.changed.wait_for(lambda: self.claims, 0.2)
                return {"claim": self.claims.pop(0) if self.claims else None}
            case "Heartbeat" | "ReportProgress":
                if operation == "Heartbeat" and given.get("waitSeconds"):
                    self.changed.wait_for(lambda: self.beat != "fine" or self.fresh, given["waitSeconds"])
                token, self.fresh = (self.fresh, None) if operation == "Heartbeat" else (None, self.fresh)
                return {
                    "cancelRequested": self.beat == "cancel",
                    "token": token,
                    "userErrors": LOST if self.beat == "lost" else [],
                }
            case "CreateUpload":
                self.uploads.append(bytearray())
                at = len(self.uploads) - 1
                return {"upload": {"id": str(at), "url": f"/uploads/{at}", "received": "0", "status": "PENDING"}}
            case "CompleteUpload":
                return {"upload": {"id": given["id"]}}
        return {"job": {"id": given.get("job")}, "stored": 0}

    def answer(self, call: dict[str, Any], token: str) -> dict[str, Any]:
        operation, given = call["operationName"], call["variables"].get("input", call["variables"])
        if operation == "Features":
            fields = "inputFields" if operation else ""
            return {"data": {key: {fields: [{"name": name} for name in names]} for key, names in self.features.items()}}
        if operation == "Upload":
            return {"data": {"upload": {"received": str(len(self.uploads[int(given["id"])])), "status": "PENDING"}}}
        payload = {"userErrors": []} | self.payload(operation, given)
        return {"data": {operation[0].lower() + operation[1:]: payload}}

    def note(self, operation: str, token: str, given: Any) -> None:
        self.calls.append((operation, token, given))
        self.changed.notify_all()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                return None

            def do_POST(self) -> None:
                call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                operation = call["operationName"]
                with server.changed:
                    if server.down or token in server.refused:
                        status = 503 if server.down else 401
                        server.note(str(status), token, operation)
                        return self._send(status, b"{}")
                    if operation in ("ClaimJob", "Heartbeat"):
                        # Noted when it comes: these wait for an answer.
                        server.note(operation, token, call["variables"].get("input"))
                        body = server.answer(call, token)
                    else:
                        body = server.answer(call, token)
                        server.note(operation, token, call["variables"].get("input"))
                    lost = operation in server.lose
                    server.lose.discard(operation)
                self._send(503 if lost else 200, json.dumps(body).encode())

            def do_GET(self) -> None:
                with server.changed:
                    server.note("GET", "", self.path.rsplit("/", 1)[-1])
                    content = server.files.get(self.path)
                    broken, server.break_downloads = server.break_downloads > 0, max(server.break_downloads - 1, 0)
                if content is None:
                    return self._send(404, b"{}")
                first = int(self.headers.get("Range", "bytes=0-")[6:-1])
                if broken:
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content[: len(content) // 2])
                    self.close_connection = True
                    return None
                return self._send(206 if first else 200, content[first:])

            def do_PUT(self) -> None:
                length = int(self.headers["Content-Length"])
                kept = server.uploads[int(self.path.rsplit("/", 1)[-1])]
                if "Content-Range" not in self.headers:
                    kept.clear()
                with server.changed:
                    broken, server.break_uploads = server.break_uploads > 0, max(server.break_uploads - 1, 0)
                kept += self.rfile.read(length // 2 if broken else length)
                if broken:
                    self.close_connection = True
                    self.connection.close()
                    return
                self._send(200, b"{}")

            def _send(self, status: int, body: bytes) -> None:
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

        return Handler


class RunningWorker:
    """The worker's loop in a thread, with the scripted detectors alone."""

    def __init__(self, server: FakeServer, directory: Path, **options: Any) -> None:
        self.server = server
        choice = Choice((f"{scripted.__file__}:detectors",), NAMES)
        self.options = Options("test", directory / "cache", choice=choice, **{"drain": 5.0} | options)
        self.shutdown = asyncio.Event()
        self.error: BaseException | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        client = Client(self.server.url, "runner-token", retries=1)
        try:
            self._loop.run_until_complete(loop.run(client, self.options, self.shutdown))
        except BaseException as error:  # noqa: BLE001 (the test looks at it)
            self.error = error
        finally:
            self._loop.close()

    def stop(self) -> None:
        """What SIGTERM does."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.shutdown.set)

    def end(self) -> None:
        self.stop()
        self._thread.join(30)
        assert not self._thread.is_alive(), "the worker does not end"
