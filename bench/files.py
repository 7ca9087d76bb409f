#!/usr/bin/env python3
"""Files: Nunatak's downloads beside nginx's, and uploads, in one run; ratios of medians, and the server's memory.

    cargo xtask bench files            # builds the release binary first

Needs curl and nginx (Debian: apt-get install curl nginx-light). Everything listens on loopback. Rounds alternate
between the two servers, so that a noisy machine disturbs both alike.
"""
import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
MB = 1 << 20
SIZES = [(1, 15), (100, 9), (1024, 5)]  # MiB, rounds


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url):
    for _ in range(300):
        try:
            return urllib.request.urlopen(url).read()
        except OSError:
            time.sleep(0.1)
    sys.exit(f"{url} does not answer")


class Server:
    def __init__(self, binary, directory):
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.env = {**os.environ, "NUNATAK_DATA_DIR": str(directory / "data"), "NUNATAK_RUNNER_EMBEDDED": "false",
                    "NUNATAK_ADMIN_PASSWORD": "a password for benches", "NUNATAK_LOG": "warn"}
        subprocess.run([binary, "admin", "create", "--login", "bench"], env=self.env, check=True, stdout=subprocess.DEVNULL)
        self.process = subprocess.Popen([binary, "server", "--port", str(self.port)], env=self.env)
        wait_for(self.base + "/ready")
        self.token = None
        answer = self.gql('mutation { login(input: {login: "bench", password: "a password for benches"}) { accessToken } }')
        self.token = answer["login"]["accessToken"]
        space = self.gql('mutation { createWorkspace(input: {name: "bench"}) { workspace { id } } }')
        space = space["createWorkspace"]["workspace"]["id"]
        project = self.gql('mutation ($w: ID!) { createProject(input: {workspace: $w, name: "files"}) { project { id } } }', w=space)
        self.project = project["createProject"]["project"]["id"]

    def gql(self, document, **variables):
        headers = {"content-type": "application/json"}
        if self.token:
            headers["authorization"] = "Bearer " + self.token
        body = json.dumps({"query": document, "variables": variables}).encode()
        answer = json.load(urllib.request.urlopen(urllib.request.Request(self.base + "/graphql", body, headers)))
        if answer.get("errors"):
            sys.exit(json.dumps(answer["errors"]))
        return answer["data"]

    def peak_mb(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024

    def upload(self, path, digest):
        """Seconds of the PUT and of completeUpload, and the version's download URL."""
        made = self.gql("""mutation ($i: CreateUploadInput!) { createUpload(input: $i) { upload { id url } userErrors { message } } }""",
                        i={"project": self.project, "fileName": path.name, "size": path.stat().st_size, "sha256": digest})
        upload = made["createUpload"]["upload"]
        seconds = curl("-T", str(path), self.base + upload["url"], token=self.token)
        started = time.perf_counter()
        done = self.gql("mutation ($u: ID!) { completeUpload(input: {id: $u}) { upload { status } userErrors { message } } }", u=upload["id"])
        seconds += time.perf_counter() - started
        assert done["completeUpload"]["upload"]["status"] == "COMPLETED", done
        logged = self.gql("""mutation ($i: LogVersionInput!) { logVersion(input: $i) { version { artifact { url } } userErrors { message } } }""",
                          i={"project": self.project, "model": {"name": path.stem}, "upload": upload["id"]})
        return seconds, self.base + logged["logVersion"]["version"]["artifact"]["url"]


def curl(*arguments, token=None):
    """Seconds that one transfer took."""
    headers = ["-H", f"Authorization: Bearer {token}"] if token else []
    command = ["curl", "-sf", "-o", "/dev/null", "-w", "%{time_total}", *headers, *arguments]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def start_nginx(directory, files):
    port = free_port()
    config = directory / "nginx.conf"
    config.write_text(f"""
daemon off; worker_processes 2; pid {directory}/nginx.pid; error_log {directory}/nginx.log;
events {{ worker_connections 256; }}
http {{ access_log off; sendfile on; tcp_nopush on; client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/f; uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
  server {{ listen 127.0.0.1:{port}; root {files}; }} }}
""")
    user = ["-g", "user root;"] if os.geteuid() == 0 else []
    process = subprocess.Popen(["nginx", "-c", str(config), *user])
    wait_for(f"http://127.0.0.1:{port}/1.bin")
    return process, f"http://127.0.0.1:{port}"


def main():
    for tool in ("curl", "nginx"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is missing: apt-get install curl nginx-light")
    subprocess.run(["cargo", "build", "--release", "--locked", "-p", "nunatak"], cwd=ROOT, check=True)
    binary = str(ROOT / "target/release/nunatak")
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        files = directory / "files"
        files.mkdir()
        digests = {}
        for size, _ in SIZES:
            digest = hashlib.sha256()
            with open(files / f"{size}.bin", "wb") as out:
                for _ in range(size):
                    block = os.urandom(MB)
                    digest.update(block)
                    out.write(block)
            digests[size] = digest.hexdigest()
        nginx, nginx_base = start_nginx(directory, files)
        server = Server(binary, directory)
        try:
            idle = server.peak_mb()
            print(f"{'':>10} {'nunatak':>12} {'nginx':>12} {'ratio':>7}   {'upload':>12}   peak memory of the server")
            for size, rounds in SIZES:
                up, url = server.upload(files / f"{size}.bin", digests[size])
                ours, theirs = [], []
                for _ in range(rounds):
                    ours.append(curl(url, token=server.token))
                    theirs.append(curl(f"{nginx_base}/{size}.bin"))
                ours, theirs = statistics.median(ours), statistics.median(theirs)
                print(f"{size:>6} MiB {size / ours:>7.0f} MB/s {size / theirs:>7.0f} MB/s {theirs / ours:>7.2f}   "
                      f"{size / up:>7.0f} MB/s   {server.peak_mb():.0f} MiB ({idle:.0f} idle)")
        finally:
            for process in (server.process, nginx):
                process.send_signal(signal.SIGTERM)
                process.wait()


if __name__ == "__main__":
    main()
