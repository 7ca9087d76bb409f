#!/usr/bin/env python3
"""Queries: Nunatak on PostgreSQL and SQLite beside hand-written SQL (the limit) and MLflow (the peer), on the same data.

    cargo xtask bench query                       # 100,000 versions; builds the release binary first
    cargo xtask bench query --versions 1000000    # without MLflow, unless --mlflow says so
    cargo xtask bench query --only 02,04 --no-mlflow --no-limit

Needs PostgreSQL's server and pgbench, and wrk (Debian: apt-get install postgresql postgresql-contrib wrk). Everything
listens on loopback. What was loaded stays under target/bench and is used again.
"""
import argparse
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import time

from query_bench import places

MLFLOW_BY_DEFAULT = 100_000


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--versions", type=int, default=100_000, help="how many versions there are (default 100000)")
    parser.add_argument("--only", default="", help="workloads, by comma: 02,04,log (default all)")
    parser.add_argument("--seconds", type=int, default=5, help="how long each cell is measured (default 5)")
    parser.add_argument("--mlflow", action=argparse.BooleanOptionalAction, help="beside MLflow (default at 100000 versions and below)")
    parser.add_argument("--sqlite", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--limit", action=argparse.BooleanOptionalAction, default=True, help="beside hand-written SQL")
    parser.add_argument("--postgres", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--log", action=argparse.BooleanOptionalAction, default=True, help="measure logging, too")
    parser.add_argument("--keep", action="store_true", help="keep the servers running until Ctrl-C")
    parser.add_argument("--explain", metavar="DIRECTORY", type=pathlib.Path, help="write the statements' plans there, measure nothing")
    parser.add_argument("--markdown", metavar="FILE", type=pathlib.Path, help="write the tables there, too")
    parser.add_argument("--since", metavar="JSON", type=pathlib.Path, help="the figures of a smaller run: shows the growth")
    parser.add_argument("--binary", help="a release binary that is there already")
    options = parser.parse_args()
    if options.mlflow is None:
        options.mlflow = options.versions <= MLFLOW_BY_DEFAULT
    return options


def with_numpy():
    """numpy from a virtual environment of our own, where this Python has none."""
    if importlib.util.find_spec("numpy"):
        return
    python = places.venv("venv", ["numpy"]) or sys.exit("numpy cannot be installed")
    os.execv(python, [python, *sys.argv])


def binary():
    subprocess.run(["cargo", "build", "--release", "--locked", "-p", "nunatak"], cwd=places.ROOT, check=True)
    return str(pathlib.Path(os.environ.get("CARGO_TARGET_DIR", places.ROOT / "target")) / "release" / "nunatak")


def main():
    options = arguments()
    with_numpy()
    options.binary = options.binary or binary()
    from query_bench import session

    options.only = [name for name in options.only.split(",") if name]
    results = {}
    try:
        session.run(options, results)
    finally:
        if results:
            save(options, results, session.text(results, options.since))


def save(options, results, text):
    file = places.BENCH / f"query-{options.versions}-{time.strftime('%Y%m%d-%H%M%S')}.json"
    file.write_text(json.dumps(results, indent=1))
    places.say(f"the figures are in {file.relative_to(places.ROOT)}")
    if options.markdown:
        options.markdown.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
