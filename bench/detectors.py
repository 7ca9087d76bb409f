#!/usr/bin/env python3
"""Detectors: Nunatak's beside scikit-learn's and PyOD's on the same tables with the same number of threads.

    cargo xtask bench detectors                          # builds the timing program first; the bundled tables, one thread
    cargo xtask bench detectors --threads 2 --rows 100000
    cargo xtask bench detectors --only knn,lof --data shuttle,satellite
    cargo xtask bench detectors --growth --only none     # ours alone at 100,000, 1,000,000 and 5,000,000 rows

The peers are installed under target/bench. Sides take turns, each run in a process of its own.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

import _common
from detector_bench import pairs


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="detectors, by comma (default all); none: only what other options ask for")
    parser.add_argument("--data", default="shuttle,thyroid,cardio", help="tables, by comma (default shuttle,thyroid,cardio)")
    parser.add_argument("--rows", type=int, default=0, help="a random table of so many rows x 10, too")
    parser.add_argument("--threads", type=int, default=1, help="for both sides (default 1)")
    parser.add_argument("--repeats", type=int, default=3, help="how often the sides take turns (default 3)")
    parser.add_argument("--seconds", type=int, default=600, help="a process that takes longer is given up (default 600)")
    parser.add_argument("--series", action="store_true", help="series, too, beside PyOD on windows, stumpy and River")
    parser.add_argument("--rows-latency", action="store_true", help="how long one row takes, too")
    parser.add_argument("--growth", action="store_true", help="how seconds and memory grow with the rows, too")
    parser.add_argument("--goals", action=argparse.BooleanOptionalAction, default=True, help="which goals are met")
    parser.add_argument("--markdown", metavar="FILE", type=pathlib.Path, help="write the tables there, too")
    parser.add_argument("--binary", help="a release build of the example `detectors` that is there already")
    options = parser.parse_args()
    options.tabular, options.timed = pairs.TABULAR, pairs.SERIES if options.series else []
    if options.only:
        names = options.only.split(",")
        known = [pair.name for pair in pairs.TABULAR + pairs.SERIES]
        if unknown := [name for name in names if name not in [*known, "none"]]:
            parser.error(f"no detector {', '.join(unknown)}; there are: {', '.join(known)}")
        options.tabular = [pair for pair in pairs.TABULAR if pair.name in names]
        options.timed = [pair for pair in pairs.SERIES if pair.name in names]
    return options


def with_peers(options):
    """Goes on in a virtual environment that has the peers."""
    name, packages = ("detectors-series-venv", pairs.PACKAGES + pairs.SERIES_PACKAGES) if options.timed else ("detectors-venv", pairs.PACKAGES)
    if pathlib.Path(sys.prefix).resolve() == (_common.BENCH / name).resolve():
        return
    python = _common.venv(name, packages) or sys.exit("the peers cannot be installed")
    os.execv(python, [python, *sys.argv])


def binary():
    command = ["cargo", "build", "--release", "--locked", "-p", "nunatak-linfa", "--example", "detectors"]
    subprocess.run(command, cwd=_common.ROOT, check=True)
    return str(pathlib.Path(os.environ.get("CARGO_TARGET_DIR", _common.ROOT / "target")) / "release" / "examples" / "detectors")


def main():
    options = arguments()
    with_peers(options)
    options.binary = os.path.abspath(options.binary) if options.binary else binary()
    from detector_bench import report, session

    results = {"threads": options.threads, "repeats": options.repeats}
    try:
        session.run(options, results)
    finally:
        save(options, results, report.text(results))


def save(options, results, text):
    file = _common.BENCH / f"detectors-{time.strftime('%Y%m%d-%H%M%S')}.json"
    file.write_text(json.dumps(results, indent=1))
    _common.say(f"the figures are in {file.relative_to(_common.ROOT)}")
    if options.markdown:
        options.markdown.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
