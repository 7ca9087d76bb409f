"""Runs the workloads on all sides, cell by cell."""
import sys

from . import workloads
from .places import say
from .wrk import Load

CLIENTS = (1, 8)


class Questions:
    """One HTTP side's requests for a workload: (method, path, body), and how they were checked."""

    def __init__(self, side, directory, records):
        self.side, self.directory, self.records = side, directory, records
        self.cursors = {}
        self.loads = {}

    def prepare(self, workload, drawn):
        """Checks a few answers and writes the requests down; the mean bytes of the answers that were checked."""
        requests = self.side.requests(workload, drawn, self.records)
        sizes = []
        for p, request in list(zip(drawn, requests))[: workloads.CHECKED]:
            wrong, size = self.side.check(workload, p, request, self.records)
            if wrong:
                sys.exit(f"{self.side.name}, workload {workload.name}: {wrong}")
            sizes.append(size)
        name = f"{self.side.name.lower()}-{workload.name}"
        self.loads[workload.name] = Load(self.directory, name, self.side.base, requests, self.side.headers)
        return sum(sizes) / len(sizes)

    def run(self, workload, clients, seconds):
        load = self.loads[workload.name]
        try:
            load.run(clients, 1, look=True)
        except RuntimeError as error:
            # MLflow imports parts of itself late; who asks meanwhile gets an error.
            if self.side.name != "MLflow":
                raise
            say(f"once more: {error}")
            load.run(clients, 1, look=True)
        return load.run(clients, seconds)


class NunatakSide:
    """GraphQL over HTTP."""

    def __init__(self, server):
        self.server = server
        self.name = server.name
        self.base = server.base
        self.headers = server.headers

    def requests(self, workload, drawn, records):
        cursors = None
        if workload.paged:
            cursors = workloads.cursors(self.server.ask, workload.filter(drawn[0]), workloads.PAGE_20.stop)
        return [("POST", "/graphql", workload.body(p, cursors)) for p in drawn]

    def check(self, workload, p, request, records):
        data, size = self.server.ask(request[2])
        return workload.check(p, records, data), size


def measure(results, sides, limit, records, chosen, options, directory):
    """Fills {workload: {side: {clients: figures}}}. Sides take turns, so that a noisy machine disturbs all alike."""
    asked = [Questions(side, directory, records) for side in sides]
    for workload in chosen:
        drawn = workload.drawn(records)
        row = results[workload.name] = {}
        runners = []
        for questions in asked:
            if questions.side.name == "MLflow" and workload.name == "08k":
                continue
            size = questions.prepare(workload, drawn)
            runners.append((questions.side.name, size, questions.run))
        if limit:
            limit.check(workload, drawn)
            runners.append((limit.name, 0, limit.run))
        for clients in CLIENTS:
            for name, size, run in runners:
                found = run(workload, clients, options.seconds)
                # An answer with errors is a short one: such a run would look fast.
                if size and found["requests"] and not 0.2 < found["bytes"] / size < 5:
                    sys.exit(f"{name}, workload {workload.name}: answers of {found['bytes']:.0f} bytes, but {size:.0f} when checked")
                row.setdefault(name, {})[str(clients)] = found
        say(f"{workload.name} " + ", ".join(
            f"{name} {cells['1']['p50']:.2f} ms {cells['8']['rps']:.0f}/s" for name, cells in row.items()))
