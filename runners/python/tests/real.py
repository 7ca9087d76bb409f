"""A `nunatak server` of its own, with a project, and a runner in front of it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

PASSWORD = "a long password"


class RealServer:
    def __init__(self, binary: str, directory: Path) -> None:
        self.binary, self.data = binary, directory / "data"
        self.log = (directory / "server.log").open("w+")
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("NUNATAK_")}
        command = [binary, "server", "--port", "0", "--data-dir", str(self.data), "--runner-embedded", "false"]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT, env=self.environment)
        found = wait_for(lambda: re.search(r"http://127\.0\.0\.1:\d+", Path(self.log.name).read_text()))
        self.url = found[0]
        self._command("admin", "create", "--login", "ada", NUNATAK_ADMIN_PASSWORD=PASSWORD)
        self.runner_token = re.findall(r"nnk_\S+", self._command("token", "create", "--runner"))[-1]
        self.token = None
        made = self.ask("mutation($i: LoginInput!) { login(input: $i) { accessToken } }", login="ada", password=PASSWORD)
        self.token = made["login"]["accessToken"]
        workspace = self.ask(
            "mutation($i: CreateWorkspaceInput!) { createWorkspace(input: $i) { workspace { id } } }", name="w"
        )
        owner = workspace["createWorkspace"]["workspace"]["id"]
        document = "mutation($i: CreateProjectInput!) { createProject(input: $i) { project { id } } }"
        self.project = self.ask(document, workspace=owner, name="p")["createProject"]["project"]["id"]

    def _command(self, *arguments: str, **more: str) -> str:
        command = [self.binary, *arguments, "--data-dir", str(self.data)]
        return subprocess.run(
            command, env=self.environment | more, check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ).stdout

    def ask(self, document: str, **given: Any) -> dict[str, Any]:
        """A document with one input `$i`."""
        body = json.dumps({"query": document, "variables": {"i": given}}).encode()
        answer = json.loads(self.http("POST", "/graphql", body, "application/json"))
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def query(self, document: str) -> dict[str, Any]:
        body = json.dumps({"query": document}).encode()
        answer = json.loads(self.http("POST", "/graphql", body, "application/json"))
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def http(self, method: str, path: str, body: bytes | None = None, kind: str = "application/octet-stream") -> bytes:
        headers = {"Content-Type": kind} | ({"Authorization": f"Bearer {self.token}"} if self.token else {})
        request = urllib.request.Request(self.url + path, body, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def dataset(self, name: str, csv: str, **more: Any) -> str:
        """The id of the version 1 of a new dataset."""
        document = "mutation($i: CreateUploadInput!) { createUpload(input: $i) { upload { id url } } }"
        upload = self.ask(document, project=self.project, fileName=f"{name}.csv", size=len(csv))["createUpload"]["upload"]
        self.http("PUT", upload["url"], csv.encode())
        self.ask("mutation($i: CompleteUploadInput!) { completeUpload(input: $i) { upload { id } } }", id=upload["id"])
        document = """mutation($i: CreateDatasetInput!) {
          createDataset(input: $i) { dataset { latestVersion { id } } userErrors { message } }
        }"""
        made = self.ask(document, project=self.project, name=name, upload=upload["id"], **more)["createDataset"]
        assert not made["userErrors"], made
        return made["dataset"]["latestVersion"]["id"]

    def job(self, mutation: str, **given: Any) -> str:
        kind = mutation[0].upper() + mutation[1:]
        document = f"mutation($i: {kind}Input!) {{ {mutation}(input: $i) {{ job {{ id }} userErrors {{ code message }} }} }}"
        made = self.ask(document, **given)[mutation]
        assert not made["userErrors"], made
        return made["job"]["id"]

    def ended(self, job: str, fields: str = "", seconds: float = 60) -> dict[str, Any]:
        """The job, once it is over."""

        def over() -> dict[str, Any] | None:
            found = self.query(f'{{ job(id: "{job}") {{ status attempt error {{ code message }} {fields} }} }}')["job"]
            return found if found["status"] in ("SUCCEEDED", "FAILED", "CANCELLED") else None

        return wait_for(over, seconds)

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        self.log.close()


class RunnerProcess:
    """`python -m nunatak_runner` as anybody would start it."""

    def __init__(self, url: str, token: str, directory: Path, *arguments: str, name: str = "python-1") -> None:
        self.log = directory / f"{name}.log"
        cache = str(directory / "cache")
        command = [sys.executable, "-m", "nunatak_runner", "--server-url", url, "--name", name, "--cache-dir", cache]
        with self.log.open("w") as log:
            environment = os.environ | {"NUNATAK_TOKEN": token}
            self.process = subprocess.Popen([*command, *arguments], stderr=log, env=environment)

    def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def wait_for(found: Any, seconds: float = 30) -> Any:
    """What `found` gives once it is true."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if value := found():
            return value
        time.sleep(0.02)
    raise AssertionError("it did not come to that")
