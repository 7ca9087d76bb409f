"""Logging: a version with ten hyperparameters, eight metrics and three tags, one at a time and in bulk."""
import json
import sqlite3
import sys
import time

from . import peer, shape, typeid
from .measure import CLIENTS
from .places import say
from .wrk import Load

BULK = 500
PROJECT_ROW = shape.PROJECTS + 1
PROJECT = typeid.text("prj", shape.project_id(PROJECT_ROW))

LOG = "mutation ($input: LogVersionInput!) { logVersion(input: $input) { version { id number } userErrors { code message } } }"
LOG_MANY = "mutation ($input: LogVersionsInput!) { logVersions(input: $input) { versions { id } userErrors { code message } } }"

EXAMPLE = {
    "hyperparameters": {"algo": "iforest", "batch_size": 64, "depth": 8, "dropout": 0.25, "kernel": "rbf", "lr": 0.0031,
                        "n_estimators": 200, "optimizer": "adam", "seed": 4711, "weight_decay": 0.0001},
    "metrics": {key: 0.5 + place / 100 for place, key in enumerate(shape.METRICS)},
    "tags": {"team": "team-1", "dataset": "data-7", "stage": "dev"},
}


def _version(model):
    return {
        "model": {"name": model},
        "detector": {"name": "isolation_forest", "version": "1.0.0"},
        "git": {"branch": "main"},
        "hyperparameters": [{"key": key, "value": value} for key, value in EXAMPLE["hyperparameters"].items()],
        "metrics": [{"key": key, "value": value} for key, value in EXAMPLE["metrics"].items()],
        "tags": list(EXAMPLE["tags"].values()),
    }


def _single():
    # About as many versions a model as everywhere else; two clients seldom meet at one model.
    version = _version("logged-@MODEL@") | {"project": PROJECT, "description": "@SERIAL@"}
    return json.dumps({"query": LOG, "variables": {"input": version}}, separators=(",", ":"))


def _bulk():
    versions = [_version(f"logged-{place}") | {"description": f"@SERIAL@ {place}"} for place in range(BULK)]
    return json.dumps({"query": LOG_MANY, "variables": {"input": {"project": PROJECT, "versions": versions}}}, separators=(",", ":"))


class Tables:
    """The server's tables from outside, to count and to clean."""

    def __init__(self, server, postgres):
        self.server, self.postgres = server, postgres

    def run(self, *statements):
        """The last statement's first row."""
        if self.server.name == "PostgreSQL":
            return [int(n) for n in next(iter(self.postgres.sql("nunatak", ";\n".join(statements) + ";")), [])]
        db = sqlite3.connect(self.server.directory / "nunatak.db", timeout=60, isolation_level=None)
        db.execute("PRAGMA foreign_keys = ON")
        try:
            for statement in statements:
                row = db.execute(statement).fetchone()
            return row
        finally:
            db.close()

    def counts(self):
        """Versions that were logged, and their hyperparameters, metrics and tags."""
        mine = f"(SELECT row_id FROM versions WHERE project_row = {PROJECT_ROW})"
        tables = ("hyperparameters", "metrics", "version_tags")
        counted = ", ".join(f"(SELECT COUNT(*) FROM {table} WHERE version_row IN {mine})" for table in tables)
        return tuple(self.run(f"SELECT (SELECT COUNT(*) FROM versions WHERE project_row = {PROJECT_ROW}), {counted}"))

    def settled(self):
        """The counts once the server has finished what wrk no longer waited for."""
        found = None
        while found != (found := self.counts()):
            time.sleep(0.5)
        return found

    def forget(self):
        self.settled()
        project = f"(SELECT id FROM projects WHERE row_id = {PROJECT_ROW})"
        self.run(f"DELETE FROM versions WHERE project_row = {PROJECT_ROW}", f"DELETE FROM models WHERE project_id = {project}",
                 f"DELETE FROM tags WHERE project_row = {PROJECT_ROW}", f"DELETE FROM audit_events WHERE project_id = {project}")


def measure(results, servers, mlflow, postgres, options, directory):
    """Fills {what: {side: {clients: figures}}}."""
    for server in servers:
        tables = Tables(server, postgres)
        tables.forget()
        kinds = {"one at a time": (_single(), 1)}
        if _has_bulk(server):
            kinds[f"{BULK} in bulk"] = (_bulk(), BULK)
        for kind, (body, each) in kinds.items():
            cell = results.setdefault(kind, {})[server.name] = {"versions": each}
            for clients in CLIENTS:
                before = tables.counts()
                cell[str(clients)] = found = _run(server, directory, kind, body, clients, options.seconds)
                _compare(server.name, before, tables.settled(), each, found["sent"], clients)
            say(f"logging {kind}, {server.name}: {cell['1']['rps'] * each:.0f} and {cell['8']['rps'] * each:.0f} versions a second")
        tables.forget()
    if mlflow:
        results.setdefault("one at a time", {})["MLflow"] = _mlflow(mlflow, options)


def _has_bulk(server):
    data, _ = server.ask(json.dumps({"query": '{ __type(name: "LogVersionsInput") { name } }'}))
    return data["__type"] is not None


def _run(server, directory, kind, body, clients, seconds):
    sent = 0
    # A run of its own warms up: its serial numbers must not come again.
    for part, length in (("warm", 1), ("main", seconds)):
        name = f"{server.name.lower()}-log-{kind.replace(' ', '-')}-{clients}-{part}"
        load = Load(directory, name, server.base, [("POST", "/graphql", body)], server.headers, unique=name)
        found = load.run(clients, length, look=part == "warm")
        sent += found["requests"]
    return found | {"sent": sent}


def _compare(side, before, after, each, sent, clients):
    """What was answered must be there, with all its rows. What wrk did not wait for may be, in each of its runs."""
    made, *rows = (b - a for a, b in zip(before, after))
    at_most = (sent + 4 * clients) * each
    if not sent * each <= made <= at_most or rows != [made * 10, made * 8, made * 3]:
        sys.exit(f"{side}: {sent * each} versions were logged, but {made} are there, with {rows} rows")


def _mlflow(server, options):
    peer.forget_logged(server)
    cell = {"versions": 1}
    for clients in CLIENTS:
        peer.log_runs(server, clients, 1, EXAMPLE)
        before, params = peer.logged(server)
        cell[str(clients)] = found = peer.log_runs(server, clients, options.seconds, EXAMPLE)
        after, params_after = peer.logged(server)
        if (after - before, params_after - params) != (found["requests"], found["requests"] * 10):
            sys.exit(f"MLflow: {found['requests']} runs were logged, but {after - before} are there")
    peer.forget_logged(server)
    say(f"logging, MLflow: {cell['1']['rps']:.1f} and {cell['8']['rps']:.1f} runs a second")
    return cell
