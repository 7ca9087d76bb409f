"""`nunatak server` on one of the two databases, with a token of a member."""
import json
import os
import pathlib
import signal
import subprocess
import sys

from .places import call, free_port, wait_for

LOGIN = "bench"


class Nunatak:
    """`name` is what the tables call it."""

    def __init__(self, name, binary, directory, database_url=None):
        self.name = name
        self.binary = binary
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("NUNATAK_")}
        self.environment |= {"NUNATAK_DATA_DIR": str(directory), "NUNATAK_RUNNER_EMBEDDED": "false", "NUNATAK_LOG": "error"}
        if database_url:
            self.environment["NUNATAK_DATABASE_URL"] = database_url
        self.process = None
        self.base = None
        self.token = None

    def command(self, *arguments):
        done = subprocess.run([self.binary, *arguments], env=self.environment, cwd=self.directory, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"nunatak {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def start(self):
        self.token = self.command("token", "create", "--login", LOGIN, "--name", "benchmark").splitlines()[-1]
        port = free_port()
        self.base = f"http://127.0.0.1:{port}"
        log = open(self.directory / "server.log", "w")
        self.process = subprocess.Popen([self.binary, "server", "--port", str(port)], env=self.environment, stdout=log,
                                        stderr=log, cwd=self.directory)
        wait_for(self.base + "/ready", self.process)
        return self

    @property
    def headers(self):
        return {"authorization": f"Bearer {self.token}"}

    def ask(self, body):
        """The data of one answer and its bytes; an error ends the benchmark."""
        answer, size = call(self.base + "/graphql", body, self.headers)
        if answer.get("errors"):
            sys.exit(f"{self.name} answers {json.dumps(answer['errors'])}\nto {body:.2000}")
        return answer["data"], size

    def memory_mb(self):
        """Peak and present resident memory."""
        lines = pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        found = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines if line.startswith(("VmHWM", "VmRSS"))}
        return found["VmHWM"], found["VmRSS"]

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()
