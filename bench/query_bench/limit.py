"""The limit: hand-written SQL on a lean schema in the same PostgreSQL, driven by pgbench.

No permissions, no GraphQL, no HTTP; the maps are read from one document column. Parameters have the distributions of
`workloads`; what each statement finds is compared with what must be found.
"""
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import Callable

import numpy

from . import shape
from .places import program, say

# What the server gives its own connections, too.
OPTIONS = "-c jit=off -c random_page_cost=1.1 -c max_parallel_workers_per_gather=0 -c search_path=lean"
CUSTOM = " -c plan_cache_mode=force_custom_plan"

SCHEMA = """
DROP SCHEMA IF EXISTS lean CASCADE; CREATE SCHEMA lean; SET search_path = lean, public; SET synchronous_commit = off; SET jit = off;
CREATE TABLE model (id BIGINT PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO model SELECT number, name FROM bench.model;
CREATE TABLE run (id BIGINT PRIMARY KEY, uuid UUID NOT NULL, exp_id BIGINT NOT NULL, model_id BIGINT NOT NULL, number BIGINT NOT NULL,
  at BIGINT NOT NULL, status SMALLINT NOT NULL, name TEXT NOT NULL, author TEXT NOT NULL, tags TEXT NOT NULL, doc TEXT NOT NULL);
INSERT INTO run SELECT r.row_id, r.id, r.project_row, r.model, r.number, r.at, 1, m.name, a.text,
  'team-' || r.team || ',data-' || r.dataset || ',' || s.text,
  '{"hyperparameters":' || r.hyperparameters || ',"metrics":' || r.metrics || '}'
  FROM bench.record r JOIN bench.model m ON m.number = r.model JOIN bench.word a ON a.kind = 'author' AND a.number = r.author
  JOIN bench.word s ON s.kind = 'stage' AND s.number = r.stage ORDER BY r.row_id;
CREATE TABLE metric (key_id BIGINT NOT NULL, run_id BIGINT NOT NULL, exp_id BIGINT NOT NULL, value FLOAT8 NOT NULL);
INSERT INTO metric SELECT k.key, r.row_id, r.project_row, k.value FROM bench.record r
  CROSS JOIN LATERAL (VALUES {metrics}) AS k (key, value);
CREATE TABLE param (key_id BIGINT NOT NULL, run_id BIGINT NOT NULL, number FLOAT8, text TEXT);
INSERT INTO param SELECT k.key, r.row_id, k.number, k.text FROM bench.record r
  CROSS JOIN LATERAL (VALUES {params}) AS k (key, number, text);
CREATE TABLE tag (name TEXT NOT NULL, run_id BIGINT NOT NULL);
INSERT INTO tag SELECT w.text, r.row_id FROM bench.record r CROSS JOIN LATERAL
  (VALUES ('team', r.team), ('dataset', r.dataset), ('stage', r.stage)) AS k (kind, number)
  JOIN bench.word w ON w.kind = k.kind AND w.number = k.number;
CREATE TABLE point (run_id BIGINT NOT NULL, step BIGINT NOT NULL, at BIGINT NOT NULL, value FLOAT8 NOT NULL, PRIMARY KEY (run_id, step));
INSERT INTO point SELECT row_id, step, at, value FROM bench.point;
"""
INDEXES = """
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
CREATE INDEX ON lean.run (exp_id, id DESC); CREATE INDEX ON lean.run (model_id, id DESC);
CREATE INDEX ON lean.model USING gin (name public.gin_trgm_ops);
ALTER TABLE lean.metric ADD PRIMARY KEY (key_id, run_id) INCLUDE (value);
CREATE INDEX ON lean.metric (key_id, value, run_id); CREATE INDEX ON lean.metric (exp_id, key_id, value, run_id);
ALTER TABLE lean.param ADD PRIMARY KEY (key_id, run_id) INCLUDE (number, text);
CREATE INDEX ON lean.param (key_id, number, run_id); CREATE INDEX ON lean.param (key_id, text, run_id);
ALTER TABLE lean.tag ADD PRIMARY KEY (name, run_id); CREATE INDEX ON lean.tag (run_id);
-- Otherwise the planner takes key and text to be independent, and expects a tenth of the rows.
CREATE STATISTICS lean.param_values (mcv) ON key_id, text FROM lean.param;
VACUUM (ANALYZE); CHECKPOINT;
"""


def fill(server, database):
    say("filling the lean schema")
    metrics = ", ".join(f"({shape.METRIC_ID[key]}, r.m_{key})" for key in shape.METRICS)
    params = ", ".join(f"({shape.KEY_ID[key]}, NULL::float8, r.h_{key})" if key in shape.TEXTS
                       else f"({shape.KEY_ID[key]}, r.h_{key}, NULL::text)" for key in shape.HYPERPARAMETERS)
    server.sql(database, SCHEMA.replace("{metrics}", metrics).replace("{params}", params))
    server.sql(database, INDEXES)


FULL = "r.id, r.uuid, r.number, r.at, r.status, r.name, r.author, r.tags, r.doc"
SHORT = "r.id, r.uuid, r.number, r.at, r.status, r.name, r.author, r.tags"
AUC, LOSS = shape.METRIC_ID["auc"], shape.METRIC_ID["loss"]
OPTIMIZER, KERNEL = shape.KEY_ID["optimizer"], shape.KEY_ID["kernel"]
UP = ["auc", "f1", "precision", "recall", "accuracy"]
UP_IDS = "(ARRAY[" + ", ".join(str(shape.METRIC_ID[key]) for key in UP) + "])"


def _rows(ids, columns=FULL):
    """The rows of some ids, newest first."""
    return f"SELECT {columns} FROM ({ids}) AS f (id) JOIN run r ON r.id = f.id ORDER BY r.id DESC"


def _array(texts):
    return "(ARRAY[" + ", ".join(f"'{text}'" for text in texts) + "])"


@dataclass
class Statement:
    """`sets` makes pgbench's variables, `values` the same ones of a workload's parameters."""

    sql: str
    sets: Callable = lambda r: []
    values: Callable = lambda p, r: {}
    custom: bool = False


def _uniform(name, low, high):
    return ["\\set step random(0, 1000)", f"\\set {name} {low!r} + {high - low!r} * :step / 1000"]


def _auc(r, low=0.04, high=0.11):
    return _uniform("auc", r.quantile("auc", high), r.quantile("auc", low))


PROJECT = ["\\set project random(1, 100)"]
SKIP = ["\\set skip random(930, 970)"]
OPTIMIZERS, KERNELS = shape.CHOICES["optimizer"], shape.CHOICES["kernel"]

STATEMENTS = {
    "01": Statement(f"SELECT {FULL} FROM run r WHERE exp_id = :project ORDER BY id DESC LIMIT 50",
                    lambda r: PROJECT, lambda p, r: {"project": p["project"]}),
    "02": Statement(_rows(f"SELECT run_id FROM metric WHERE key_id = {AUC} AND value > :auc ORDER BY run_id DESC LIMIT 50"),
                    _auc, lambda p, r: {"auc": p["auc"]}),
    "03": Statement(_rows(f"""SELECT p.run_id FROM param p
                              JOIN metric m ON m.key_id = {AUC} AND m.run_id = p.run_id AND m.value > :auc
                              WHERE p.key_id = {OPTIMIZER} AND p.text = {_array(OPTIMIZERS)}[:optimizer] ORDER BY p.run_id DESC LIMIT 50"""),
                    lambda r: _auc(r) + ["\\set optimizer random(1, 4)"],
                    lambda p, r: {"auc": p["auc"], "optimizer": OPTIMIZERS.index(p["optimizer"]) + 1}),
    # Written so that no estimate can lead astray: the rarest equality is walked, the others are probed one by one.
    "04": Statement(_rows(f"""SELECT t.run_id FROM tag t WHERE t.name = 'team-' || :team
                              AND (SELECT text FROM param WHERE key_id = {OPTIMIZER} AND run_id = t.run_id)
                                = {_array(OPTIMIZERS)}[:optimizer]
                              AND (SELECT text FROM param WHERE key_id = {KERNEL} AND run_id = t.run_id)
                                = {_array(KERNELS)}[:kernel]
                              AND (SELECT value FROM metric WHERE key_id = {LOSS} AND run_id = t.run_id) < :loss
                              AND (SELECT value FROM metric WHERE key_id = {AUC} AND run_id = t.run_id) > :auc
                              ORDER BY t.run_id DESC LIMIT 50"""),
                    lambda r: [*_auc(r, 0.3, 0.5), *_uniform("loss", r.quantile("loss", 0.3, False), r.quantile("loss", 0.5, False)),
                               "\\set optimizer random(1, 4)", "\\set kernel random(1, 4)", "\\set team random(0, 19)"],
                    lambda p, r: {"auc": p["auc"], "loss": p["loss"], "optimizer": OPTIMIZERS.index(p["optimizer"]) + 1,
                                  "kernel": KERNELS.index(p["kernel"]) + 1, "team": p["team"].split("-")[1]}, custom=True),
    "05": Statement(f"""SELECT {FULL} FROM (SELECT run_id, value FROM metric WHERE exp_id = :project AND key_id = {UP_IDS}[:key]
                        ORDER BY value DESC, run_id LIMIT 50) AS f JOIN run r ON r.id = f.run_id ORDER BY f.value DESC, r.id""",
                    lambda r: PROJECT + ["\\set key random(1, 5)"], lambda p, r: {"project": p["project"], "key": _up(p)}),
    "06": Statement(f"""SELECT {FULL} FROM (SELECT run_id, value FROM metric WHERE key_id = {UP_IDS}[:key]
                        ORDER BY value DESC, run_id LIMIT 50) AS f JOIN run r ON r.id = f.run_id ORDER BY f.value DESC, r.id""",
                    lambda r: ["\\set key random(1, 5)"], lambda p, r: {"key": _up(p)}),
    "07": Statement(_rows(f"""SELECT r.id FROM run r JOIN model m ON m.id = r.model_id
                              WHERE m.name LIKE '%' || {_array(shape.ADJECTIVES)}[:adjective] || '-' || {_array(shape.NOUNS)}[:noun] || '-%'
                              ORDER BY r.id DESC LIMIT 50"""),
                    lambda r: ["\\set adjective random(1, 40)", "\\set noun random(1, 40)"],
                    lambda p, r: {"adjective": shape.ADJECTIVES.index(p["pair"].split("-")[0]) + 1,
                                  "noun": shape.NOUNS.index(p["pair"].split("-")[1]) + 1}, custom=True),
    "08": Statement(_rows("SELECT id FROM run ORDER BY id DESC LIMIT 50 OFFSET :skip"),
                    lambda r: SKIP, lambda p, r: {"skip": p["skip"]}),
    "08b": Statement(_rows(f"SELECT run_id FROM metric WHERE key_id = {AUC} AND value > 0.8 ORDER BY run_id DESC LIMIT 50 OFFSET :skip"),
                     lambda r: SKIP, lambda p, r: {"skip": p["skip"]}),
    "08k": Statement(f"SELECT {FULL} FROM run r WHERE id < :before ORDER BY id DESC LIMIT 50",
                     lambda r: SKIP + [f"\\set before {r.count} + 1 - :skip"], lambda p, r: {"before": r.count + 1 - p["skip"]}),
    "09": Statement(f"SELECT {FULL} FROM run r WHERE id = :row", lambda r: [f"\\set row random(1, {r.count})"],
                    lambda p, r: {"row": p["row"]}),
    "10": Statement(f"SELECT {FULL} FROM run r WHERE id IN ({', '.join(f':row{n}' for n in range(20))})",
                    lambda r: [f"\\set row{n} random(1, {r.count})" for n in range(20)],
                    lambda p, r: {f"row{n}": row for n, row in enumerate(p["rows"])}),
    "11": Statement("SELECT run_id, step, at, value FROM point WHERE run_id = ({rows})[:place] ORDER BY step",
                    lambda r: [f"\\set place random(1, {shape.SERIES_VERSIONS})"], lambda p, r: {"place": r.series_rows.index(p["row"]) + 1}),
    "12": Statement(_rows(f"SELECT run_id FROM metric WHERE exp_id = :project AND key_id = {AUC} AND value > :auc "
                          "ORDER BY run_id DESC LIMIT 50"),
                    lambda r: PROJECT + _auc(r), lambda p, r: {"project": p["project"], "auc": p["auc"]}),
    "13": Statement(f"SELECT {SHORT} FROM run r WHERE model_id = :model ORDER BY id DESC LIMIT 50",
                    lambda r: [f"\\set model random(0, {r.models - 1})"], lambda p, r: {"model": p["model"]}),
    "14": Statement(f"SELECT {SHORT} FROM run r ORDER BY id DESC LIMIT 50"),
    "15": Statement(_rows("SELECT t.run_id FROM tag t JOIN tag d ON d.run_id = t.run_id AND d.name = 'data-' || :dataset "
                          "WHERE t.name = 'team-' || :team ORDER BY t.run_id DESC LIMIT 50", SHORT),
                    lambda r: ["\\set team random(0, 19)", "\\set dataset random(0, 49)"],
                    lambda p, r: {"team": p["team"].split("-")[1], "dataset": p["dataset"].split("-")[1]}, custom=True),
}
def _up(p):
    """The place of a metric whose largest values are asked for; those of the smallest have none here."""
    return UP.index(p["metric"]) + 1 if p["metric"] in UP else None


class Limit:
    name = "SQL limit"

    def __init__(self, server, database, directory, records):
        self.server, self.database, self.directory, self.records = server, database, directory, records
        directory.mkdir(parents=True, exist_ok=True)

    def sql_of(self, name):
        rows = "ARRAY[" + ", ".join(map(str, self.records.series_rows)) + "]"
        return " ".join(STATEMENTS[name].sql.replace("{rows}", rows).split())

    def check(self, workload, drawn):
        """Ends the benchmark where a statement does not find what it should."""
        statement = STATEMENTS[workload.name]
        for p in drawn[:4]:
            values = statement.values(p, self.records)
            if None in values.values():
                continue
            text = re.sub(r"(?<!:):([a-z]\w*)", lambda found: str(values[found[1]]), self.sql_of(workload.name))
            found = [int(row[0]) for row in self.server.sql(self.database, f"SET search_path = lean; {text}")]
            expected = [p["row"]] * shape.SERIES_POINTS if workload.name == "11" else workload.rows(p, self.records)
            if found != expected and (workload.name != "10" or sorted(found) != sorted(expected)):
                sys.exit(f"the SQL limit of {workload.name} finds {found[:5]}…, expected {expected[:5]}… for {p}")

    def run(self, workload, clients, seconds):
        statement = STATEMENTS[workload.name]
        script = self.directory / f"limit-{workload.name}.sql"
        script.write_text("\n".join([*statement.sets(self.records), self.sql_of(workload.name) + ";", ""]))
        self._pgbench(statement, script, clients, 1)
        return self._pgbench(statement, script, clients, seconds)

    def _pgbench(self, statement, script, clients, seconds):
        logs = self.directory / "limit-log"
        shutil.rmtree(logs, ignore_errors=True)
        logs.mkdir()
        environment = {**self.server.environment(self.database), "PGOPTIONS": OPTIONS + (CUSTOM if statement.custom else "")}
        command = [program("pgbench", "postgresql-contrib"), "-n", "-M", "prepared", "-f", str(script), "-c", str(clients),
                   "-j", "1", "-T", str(seconds), "-l", "--log-prefix", str(logs / "log")]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        tps = re.search(r"tps = ([\d.]+)", done.stdout)
        if done.returncode or not tps:
            sys.exit(f"pgbench: {done.stderr}{done.stdout}")
        times = numpy.concatenate([numpy.loadtxt(log, usecols=2, ndmin=1) for log in logs.iterdir() if os.path.getsize(log)]) / 1000
        p50, p95, p99 = numpy.percentile(times, [50, 95, 99]).tolist()
        return {"p50": p50, "p95": p95, "p99": p99, "rps": float(tps[1]), "bytes": 0, "requests": len(times)}
