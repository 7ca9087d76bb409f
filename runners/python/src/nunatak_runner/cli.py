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
from typing import Any

from . import __version__, catalogue, testing
from .worker import loop
from .worker.client import Client
from .worker.crew import Refused
from .worker.options import Options


def main(arguments: list[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    choice = catalogue.Choice(tuple(given.plugin), tuple(given.detector))
    try:
        if given.list:
            return _list(choice)
        if given.check is not None:
            return _check(choice, given.check, given.hyperparameters)
        if given.command == "detectors":
            return _tell(choice)
        return _work(given, choice)
    except (Refused, catalogue.PluginError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _work(given: argparse.Namespace, choice: catalogue.Choice) -> int:
    if not given.token:
        print("error: a runner needs a token: set NUNATAK_TOKEN, or give --token", file=sys.stderr)
        return 1
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


def _list(choice: catalogue.Choice) -> int:
    """In the words of `nunatak runner --list`."""
    found = [catalogue.describe(kind) for kind in catalogue.load(choice).values()]
    for one in found:
        one["input_kind"] = one.pop("inputKind").lower()
        one["hyperparameters"] = one.pop("hyperparameterSchema")
    print(json.dumps(found, indent=2))
    return 0


def _tell(choice: catalogue.Choice) -> int:
    for one in map(catalogue.describe, catalogue.load(choice).values()):
        print(f"{one['name']:36} {one['version']:10} {one['inputKind']:8} {one['summary']}")
    print("\nNot offered:")
    for name, reason in catalogue.refused().items():
        print(f"{name:36} {reason}")
    return 0


def _check(choice: catalogue.Choice, names: list[str], hyperparameters: dict[str, Any] | None) -> int:
    """What is promised of detectors, tried on small tables; for those who write them."""
    found = catalogue.load(choice)
    unknown = [name for name in names if name not in found]
    if unknown:
        raise catalogue.PluginError(f"no detector `{unknown[0]}` here; this runner has: {', '.join(found)}")
    wrong = 0
    for name in names or found:
        kind = found[name]
        print(f"{kind.name} {kind.version}")
        broken = testing.broken(kind, hyperparameters)
        wrong += len(broken)
        for says in testing.PROMISES:
            print(f"  BROKEN    {says}: {broken[says]}" if says in broken else f"  kept      {says}")
    return 1 if wrong else 0


def _object(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nunatak-runner", description="Offers detectors in Python to a Nunatak server and executes its jobs"
    )
    add = parser.add_argument
    listing = "run: work for a server (the default); detectors: list what is offered and what is not, with the reason"
    add("command", nargs="?", choices=["run", "detectors"], default="run", help=listing)
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
    add("--list", action="store_true", help="Print the catalogue as JSON and end; needs no server")
    check = "Check that these detectors (all, if none is named) keep what every detector promises, and end"
    add("--check", nargs="*", metavar="DETECTOR", help=check)
    add("--hyperparameters", type=_object, metavar="JSON", help="Hyperparameters to check with, as a JSON object")
    add("--version", action="version", version=f"nunatak-runner {__version__}")
    return parser
