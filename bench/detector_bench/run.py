"""Runs both sides in turn, each time in a process of its own."""
import json
import os
import statistics
import subprocess
import sys

from _common import ROOT, say

THREADS = ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS"]
# Samples that one process takes of what is fast.
SAMPLES = 3


class Runner:
    """`binary` is the example `detectors`; `seconds` is how long one process may take."""

    def __init__(self, binary, threads, rounds, seconds):
        self.binary, self.threads, self.rounds, self.seconds = binary, threads, rounds, seconds

    def ours(self, pair, table, threads=None, **more):
        task = {"detector": pair.kind, "hyperparameters": pair.hyperparameters}
        return self._process([self.binary], task, table, threads, more)

    def theirs(self, pair, table, threads=None, **more):
        task = {"pair": pair.name, "hyperparameters": pair.hyperparameters}
        return self._process([sys.executable, "-m", "detector_bench.peer"], task, table, threads, more)

    def _process(self, command, task, table, threads, more):
        threads = threads or self.threads
        task = task | table.task() | {"threads": threads, "repeats": SAMPLES} | more
        environment = {**os.environ, **{name: str(threads) for name in THREADS}}
        try:
            done = subprocess.run([*command, json.dumps(task)], cwd=ROOT / "bench", env=environment, capture_output=True,
                                  text=True, timeout=self.seconds)
        except subprocess.TimeoutExpired:
            return {"failed": f"no end after {self.seconds} s"}
        if done.returncode:
            lines = done.stderr.strip().splitlines()
            return {"failed": lines[-1][:200] if lines else f"ended with {done.returncode}"}
        return json.loads(done.stdout.splitlines()[-1])

    def pair(self, pair, table):
        """{"ours": …, "theirs": …}: the samples of all rounds together."""
        found = {"ours": [], "theirs": []}
        for _ in range(self.rounds):
            for side, run in (("ours", self.ours), ("theirs", self.theirs)):
                if side == "theirs" and pair.beside is None or any("failed" in earlier for earlier in found[side]):
                    continue
                found[side].append(run(pair, table))
        row = {side: joined(rounds) for side, rounds in found.items() if rounds}
        say(f"{pair.name} on {table.name}: " + "; ".join(f"{side} {brief(cell)}" for side, cell in row.items()))
        return row


def joined(rounds):
    """One cell of several rounds: the samples one after another, the largest peak; the rest is equal in all."""
    if failed := next((cell for cell in rounds if "failed" in cell), None):
        return failed
    cell = dict(rounds[0])
    for step in ("fit", "training_scores", "score", "load"):
        if step in cell:
            samples = {clock: [sample for one in rounds for sample in one[step][clock]] for clock in ("wall", "cpu")}
            cell[step] = samples | {"peak": max(one[step]["peak"] for one in rounds)}
    return cell


def brief(cell):
    if "failed" in cell:
        return f"failed: {cell['failed']}"
    return f"fit {seconds(cell, 'fit', 'wall'):.4g} s, score {seconds(cell, 'score', 'wall'):.4g} s"


def seconds(cell, step, clock):
    return statistics.median(cell[step][clock])
