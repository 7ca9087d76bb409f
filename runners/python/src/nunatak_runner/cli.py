"""The command `nunatak-runner`, in the words of `nunatak runner`."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import socket
import sys
import tempfile
from pathlib import Path

from . import __version__, catalogue, testing
from .worker import loop
from .worker.client import Client
from .worker.crew import Refused
from .worker.options import Options

COMMANDS = "run: work for a server (the default); detectors: list what is offered; check: try what is promised of it"


def main(arguments: list[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    choice = catalogue.Choice(tuple(given.plugin), tuple(given.detector))
    if given.command == "detectors":
        return _list(choice, as_json=given.json)
    if given.command == "check":
        return _check(choice)
    if not given.token:
        print("error: no token: set NUNATAK_TOKEN, or give --token", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    # One line for each call would bury the rest, and addresses are nobody's business.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    options = Options(
        name=given.name or socket.gethostname(),
        labels=tuple(given.label),
        cache_dir=given.cache_dir or Path(tempfile.gettempdir()) / "nunatak-runner",
        choice=choice,
        concurrency=max(given.concurrency, 1),
        threads=max(given.threads, 1),
        drain=max(given.drain_seconds, 0.0),
    )
    try:
        asyncio.run(_run(given.server_url, given.token, options))
    except (Refused, catalogue.PluginError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: cannot use the cache directory {options.cache_dir}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


async def _run(server_url: str, token: str, options: Options) -> None:
    shutdown, at_once = asyncio.Event(), asyncio.Event()

    def requested() -> None:
        # The second signal does not wait for jobs.
        (at_once if shutdown.is_set() else shutdown).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, requested)
    logging.getLogger("nunatak_runner").info("%s looks for jobs at %s", options.name, server_url)
    await loop.run(Client(server_url, token), options, shutdown, at_once)


def _list(choice: catalogue.Choice, *, as_json: bool) -> int:
    try:
        found = [catalogue.describe(kind) for kind in catalogue.load(choice).values()]
    except catalogue.PluginError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    refused = catalogue.refused()
    if as_json:
        print(json.dumps({"offered": found, "refused": refused}, indent=2))
        return 0
    for one in found:
        print(f"{one['name']:36} {one['version']:10} {one['inputKind']:8} {one['summary']}")
    print("\nNot offered:")
    for name, reason in refused.items():
        print(f"{name:36} {reason}")
    return 0


def _check(choice: catalogue.Choice) -> int:
    """What is promised of detectors, tried on small tables; for those who write them."""
    try:
        found = catalogue.load(choice)
    except catalogue.PluginError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    wrong = 0
    for name, kind in found.items():
        faults = testing.faults(kind)
        wrong += bool(faults)
        print(f"{name}: {'keeps its promises' if not faults else ''}", *faults, sep="\n  " if faults else "")
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nunatak-runner", description="Offers detectors in Python to a Nunatak server and executes its jobs"
    )
    add = parser.add_argument
    add("command", nargs="?", choices=["run", "detectors", "check"], default="run", help=COMMANDS)
    url, token = os.environ.get("NUNATAK_SERVER_URL", "http://127.0.0.1:8080"), os.environ.get("NUNATAK_TOKEN")
    add("--server-url", default=url, help="The server to work for [env: NUNATAK_SERVER_URL] [default: %(default)s]")
    add("--token", default=token, help="A token of scope RUNNER [env: NUNATAK_TOKEN]")
    add("--name", help="The runner's name; a restart under the same name is the same runner [default: the host's name]")
    add("--label", action="append", default=[], help="A label, `gpu`, `site-b`; may be repeated")
    add("--concurrency", type=int, default=1, help="Jobs at once [default: 1]")
    add("--cache-dir", type=Path, help="Where datasets and artefacts are kept between jobs")
    plugin = "Your own detectors: module:function or file.py:function; may be repeated"
    add("--plugin", action="append", default=[], metavar="MODULE:FUNCTION", help=plugin)
    only = "Offer only detectors of such names, `sklearn_*`; may be repeated"
    add("--detector", action="append", default=[], metavar="PATTERN", help=only)
    threads = "Threads of a job's linear algebra; with another number the last digits of scores may differ [default: 1]"
    add("--threads", type=int, default=1, help=threads)
    drain = "Seconds that running jobs may go on after SIGTERM [default: 30]"
    add("--drain-seconds", type=float, default=30.0, help=drain)
    add("--json", action="store_true", help="With `detectors`: as JSON, with the hyperparameters' schemas")
    add("--version", action="version", version=f"nunatak-runner {__version__}")
    return parser
