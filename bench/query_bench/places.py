"""Where things are, and what the parts share."""
import json
import os
import pathlib
import shutil
import socket
import sys
import time
import urllib.error
import urllib.request

from _common import BENCH, ROOT, say, venv  # noqa: F401 (the other parts take them from here)

# Data of another version is loaded anew: raise it with every change of `shape`, `load_*` or `peer_load`.
DATA_VERSION = 1


def data_dir(versions):
    """What is kept of one size from run to run."""
    directory = BENCH / f"query-{DATA_VERSION}-{versions}"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def program(name, package):
    """A program on the PATH, or where Debian keeps PostgreSQL's."""
    folders = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which(name) or shutil.which(name, path=os.pathsep.join(map(str, folders)))
    return found or sys.exit(f"{name} is missing: apt-get install {package}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url, process, seconds=60):
    for _ in range(seconds * 10):
        try:
            return urllib.request.urlopen(url).read()
        except urllib.error.HTTPError:
            pass
        except OSError:
            if process.poll() is not None:
                sys.exit(f"the server of {url} ended with {process.returncode}")
        time.sleep(0.1)
    sys.exit(f"{url} does not answer")


def call(url, body=None, headers=None):
    """One JSON request; the parsed answer and its bytes."""
    data = body.encode() if isinstance(body, str) else body
    request = urllib.request.Request(url, data, {"content-type": "application/json", **(headers or {})})
    try:
        raw = urllib.request.urlopen(request).read()
    except urllib.error.HTTPError as error:
        sys.exit(f"{url}: {error.code} {error.read().decode()[:1000]}\nfor {body!r:.1000}")
    return json.loads(raw), len(raw)
