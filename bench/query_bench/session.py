"""One run of the benchmark: what is started, in which order, and what is reported."""
import json
import time

from . import explain, limit, peer, report, writes
from .measure import NunatakSide, measure
from .places import say
from .prepare import Prepared
from .workloads import WORKLOADS


def run(options, results):
    """Fills `results` as it goes: a run that fails late has measured something, too."""
    prepared = Prepared(options)
    try:
        _run(options, prepared, results)
    finally:
        prepared.stop()


def _run(options, prepared, results):
    work = prepared.directory / "work"
    chosen = [workload for workload in WORKLOADS if not options.only or workload.name in options.only]
    logs = options.log and (not options.only or "log" in options.only)
    prepared.fill_postgres()
    if options.explain:
        explain.explain(prepared, chosen, options.explain)
        return
    if options.sqlite:
        prepared.fill_sqlite()
    if options.limit:
        prepared.fill_limit()
    prepared.unstage()
    python = peer.python() if options.mlflow else None
    if options.mlflow and not python:
        say("MLflow cannot be installed: going on without it")
    if python:
        prepared.fill_mlflow(python)
    prepared.warm()
    servers = []
    if options.postgres:
        servers.append(prepared.on_postgres.start())
    if options.sqlite:
        servers.append(prepared.on_sqlite.start())
    sides = [NunatakSide(server) for server in servers]
    mlflow = peer.Mlflow(python, prepared.postgres, work) if python else None
    try:
        everybody = sides + [mlflow] if mlflow else sides
        hand_written = limit.Limit(prepared.postgres, "nunatak", work, prepared.records) if options.limit else None
        results |= {"versions": options.versions, "seconds": options.seconds, "at": time.strftime("%Y-%m-%d %H:%M"),
                    "search": {}, "log": {}, "memory": {}}
        measure(results["search"], everybody, hand_written, prepared.records, chosen, options, work)
        if logs:
            writes.measure(results["log"], servers, mlflow, prepared.postgres, options, work)
        results["memory"].update({server.name: server.memory_mb() for server in servers})
        if options.keep:
            _keep(servers)
    finally:
        if mlflow:
            mlflow.stop()


def _keep(servers):
    for server in servers:
        say(f"{server.name}: {server.base} with the token {server.token}; Ctrl-C ends")
    try:
        while True:
            time.sleep(60)
    except KeyboardInterrupt:
        pass


def text(results, since):
    """The tables in Markdown."""
    # A run that failed has a last row that is not whole.
    search = {name: row for name, row in results["search"].items() if all("8" in cells for cells in row.values())}
    sides = [side for side in ("PostgreSQL", "SQLite", "SQL limit", "MLflow") if any(side in row for row in search.values())]
    parts = [f"`query`, {results['at']}, {results['versions']:,} versions, ms:"]
    if search:
        parts += [report.searches(search, sides), report.ratios(search)]
    if since and search:
        parts.append(report.growth(results, json.loads(since.read_text())))
    if results.get("log"):
        parts.append(report.writes(results["log"]))
    parts.append(report.memory(results["memory"]))
    return "\n\n".join(parts) + "\n"
