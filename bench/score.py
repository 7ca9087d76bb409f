#!/usr/bin/env python3
"""Rows scored at once: end to end over HTTP, beside the detector alone and a FastAPI server with scikit-learn.

    cargo xtask bench score            # builds the release binary first

Needs wrk (Debian: apt-get install wrk). Everything listens on loopback, and the load generator runs on the same processors.
Sides take turns at each cell.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

from _common import BENCH, ROOT, say, venv
from query_bench.places import free_port, wait_for
from query_bench.wrk import Load
from score_bench import table
from score_bench.plant import Plant

PACKAGES = ["fastapi==0.115.12", "uvicorn[standard]==0.34.0", "scikit-learn==1.6.1"]
SIZES, CLIENTS = (1, 100), (1, 8, 32)


def build(options):
    if not options.binary:
        subprocess.run(["cargo", "build", "--release", "--locked", "-p", "nunatak"], cwd=ROOT, check=True)
    return str(pathlib.Path(options.binary or ROOT / "target/release/nunatak").resolve())


def limit(options, directory, detector, rows):
    """Seconds of one row by the detector alone, in this process' stead: no HTTP, no JSON, no columns."""
    if options.no_limit:
        return None
    timer = options.timer
    if not timer:
        subprocess.run(["cargo", "build", "--release", "--locked", "-p", "nunatak-linfa", "--example", "detectors"], cwd=ROOT, check=True)
        timer = ROOT / "target/release/examples/detectors"
    raw = directory / "rows.bin"
    table.write_raw(rows, raw)
    task = {"detector": detector, "table": str(raw), "n_features": len(rows[0]), "row": True}
    done = subprocess.run([str(timer), json.dumps(task)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


class Peer:
    def __init__(self):
        self.python = venv("score-peer", PACKAGES)
        self.process = None
        if self.python:
            self.port = free_port()
            script = pathlib.Path(table.__file__).with_name("peer.py")
            self.process = subprocess.Popen([self.python, str(script), str(self.port), str(table.DATA)])
            self.base = f"http://127.0.0.1:{self.port}"
            wait_for(self.base + "/ready", self.process)

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()


def loads(plant, peer, directory, columns, rows, detector, size):
    questions = table.samples(rows, size, 256)
    ours = [("POST", "/graphql", plant.question(detector, columns, asked)) for asked in questions]
    sides = {"nunatak": Load(directory, f"nunatak-{detector}-{size}", plant.server.base, ours, plant.server.headers)}
    if detector == "isolation_forest" and peer.process:
        theirs = [("POST", "/score", json.dumps({"columns": columns, "rows": asked})) for asked in questions]
        sides["FastAPI"] = Load(directory, f"peer-{size}", peer.base, theirs)
    return sides


def measure(options, plant, peer, directory, columns, rows):
    found = []
    for detector in plant.versions:
        for size in SIZES:
            sides = loads(plant, peer, directory, columns, rows, detector, size)
            for load in sides.values():
                load.run(4, 1, look=True)
            for clients in CLIENTS:
                for side, load in sides.items():
                    cell = load.run(clients, options.seconds)
                    found.append({"detector": detector, "rows": size, "clients": clients, "side": side} | cell)
                    say(f"{detector} x {size}, {clients} clients, {side}: p50 {cell['p50']:.2f} ms, p99 {cell['p99']:.2f} ms, "
                        f"{cell['rps']:.0f} requests/s")
    return found


def markdown(found, limits):
    lines = ["| detector, rows | side | p50 / p99, ms, 1 client | 8 clients | 32 clients | requests a second, 1 / 8 / 32 |",
             "| --- | --- | --- | --- | --- | --- |"]
    for detector, size, side in dict.fromkeys((cell["detector"], cell["rows"], cell["side"]) for cell in found):
        cells = [cell for cell in found if (cell["detector"], cell["rows"], cell["side"]) == (detector, size, side)]
        times = " | ".join(f"{cell['p50']:.2f} / {cell['p99']:.2f}" for cell in cells)
        rates = " / ".join(f"{cell['rps']:,.0f}" for cell in cells)
        lines.append(f"| {detector}, {size} | {side} | {times} | {rates} |")
    for detector, cell in limits.items():
        if cell:
            lines.append(f"\n`{detector}` alone, one row in process: {cell['p50'] * 1e6:.1f} µs (p50)")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=3, help="of each cell")
    parser.add_argument("--binary", help="do not build: this nunatak")
    parser.add_argument("--timer", help="do not build: this timing program (runners/linfa/examples/detectors.rs)")
    parser.add_argument("--no-limit", action="store_true")
    parser.add_argument("--markdown", help="where to write the table")
    options = parser.parse_args()
    binary = build(options)
    columns, rows = table.read()
    BENCH.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        peer = Peer()
        plant = Plant(binary, directory / "server")
        try:
            limits = {detector: limit(options, directory, detector, rows) for detector in plant.versions}
            found = measure(options, plant, peer, directory, columns, rows)
            memory, _ = plant.server.memory_mb()
        finally:
            plant.stop()
            peer.stop()
    text = f"{markdown(found, limits)}\n\nPeak memory of the server with its runner: {memory:.0f} MB"
    print(text)
    if options.markdown:
        pathlib.Path(options.markdown).write_text(text + "\n")
    (BENCH / "score.json").write_text(json.dumps({"cells": found, "limits": limits}, indent=1))


if __name__ == "__main__":
    sys.exit(main())
