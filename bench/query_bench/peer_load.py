"""The same records in MLflow's own tables, as its clients would have left them there."""
import os
import subprocess
import sys

from . import load, shape
from .places import say

DATABASE = "mlflow"
LOADED = ["experiments", "runs", "params", "metrics", "latest_metrics", "tags", "registered_models", "model_versions", "model_version_tags"]
LOGGING = shape.PROJECTS + 1

# What a database administrator would add for these questions. Without them MLflow is slower.
TUNED = """
CREATE INDEX bench_runs_start ON runs (start_time DESC, run_uuid);
CREATE INDEX bench_runs_experiment ON runs (experiment_id, start_time DESC, run_uuid);
CREATE INDEX bench_latest_metrics ON latest_metrics (key, value, run_uuid);
CREATE INDEX bench_params ON params (key, value, run_uuid);
CREATE INDEX bench_tags ON tags (key, value, run_uuid);
CREATE INDEX bench_versions_created ON model_versions (creation_time DESC);
CREATE INDEX bench_versions_updated ON model_versions (last_updated_time DESC);
CREATE INDEX bench_version_tags ON model_version_tags (key, value);
ALTER DATABASE mlflow SET jit = off;
ALTER DATABASE mlflow SET random_page_cost = 1.1;
VACUUM (ANALYZE); CHECKPOINT;
"""


def statements():
    params = ", ".join(f"('{key}', r.h_{key}::text)" for key in shape.HYPERPARAMETERS)
    metrics = ", ".join(f"('{key}', r.m_{key})" for key in shape.METRICS)
    hexed = "replace(r.id::text, '-', '')"
    run_tags = "('team', t.text), ('dataset', d.text), ('stage', s.text)"
    words = " ".join(f"JOIN bench.word {a} ON {a}.kind = '{kind}' AND {a}.number = r.{kind}"
                     for a, kind in (("t", "team"), ("d", "dataset"), ("s", "stage")))
    return [
        f"""INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time)
            SELECT n, 'project-' || n, 'file:///nowhere/' || n, 'active', 1700000000000, 1700000000000
            FROM generate_series(1, {LOGGING}) n""",
        f"""INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, end_time,
              source_version, lifecycle_stage, artifact_uri, experiment_id)
            SELECT {hexed}, m.name, 'UNKNOWN', '', '', a.text, 'FINISHED', r.at / 1000, r.at / 1000 + 1000, '', 'active',
              'file:///nowhere/' || r.project_row || '/' || {hexed} || '/artifacts', r.project_row
            FROM bench.record r JOIN bench.model m ON m.number = r.model
            JOIN bench.word a ON a.kind = 'author' AND a.number = r.author ORDER BY r.row_id""",
        f"""INSERT INTO params (key, value, run_uuid) SELECT k.key, k.value, {hexed}
            FROM bench.record r CROSS JOIN LATERAL (VALUES {params}) AS k (key, value)""",
        f"""INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) SELECT k.key, k.value, r.at / 1000, {hexed}, 0, false
            FROM bench.record r CROSS JOIN LATERAL (VALUES {metrics}) AS k (key, value)""",
        f"""INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan)
            SELECT '{shape.SERIES}', p.value, p.at / 1000, {hexed}, p.step, false
            FROM bench.point p JOIN bench.record r USING (row_id)""",
        f"""INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) SELECT k.key, k.value, r.at / 1000, 0, false, {hexed}
            FROM bench.record r CROSS JOIN LATERAL (VALUES {metrics}) AS k (key, value)""",
        f"""INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)
            SELECT '{shape.SERIES}', p.value, p.at / 1000, p.step, false, {hexed}
            FROM bench.point p JOIN bench.record r USING (row_id) WHERE p.step = {shape.SERIES_POINTS - 1}""",
        f"""INSERT INTO tags (key, value, run_uuid) SELECT k.key, k.value, {hexed} FROM bench.record r {words}
            JOIN bench.model m ON m.number = r.model CROSS JOIN LATERAL (VALUES {run_tags}, ('mlflow.runName', m.name)) AS k (key, value)""",
        """INSERT INTO registered_models (name, creation_time, last_updated_time, description)
            SELECT name, 1700000000000, 1700000000000, '' FROM bench.model""",
        f"""INSERT INTO model_versions (name, version, creation_time, last_updated_time, description, user_id, current_stage, source,
              run_id, status, run_link)
            SELECT m.name, r.number, r.at / 1000, r.at / 1000, '', a.text, 'None', 'file:///nowhere/' || {hexed}, {hexed},
              'READY', ''
            FROM bench.record r JOIN bench.model m ON m.number = r.model
            JOIN bench.word a ON a.kind = 'author' AND a.number = r.author ORDER BY r.row_id""",
        f"""INSERT INTO model_version_tags (key, value, name, version) SELECT k.key, k.value, m.name, r.number FROM bench.record r {words}
            JOIN bench.model m ON m.number = r.model CROSS JOIN LATERAL (VALUES {run_tags}) AS k (key, value)""",
    ]


def fill(server, python, records):
    """A fresh database with MLflow's schema, made by MLflow, and the records."""
    say(f"loading {records.count} versions into MLflow's database")
    server.fresh(DATABASE)
    uri = server.url(DATABASE).replace("postgres://", "postgresql+psycopg2://")
    done = subprocess.run([python, "-m", "mlflow", "db", "upgrade", uri], capture_output=True, text=True, env=environment())
    if done.returncode:
        sys.exit(f"mlflow db upgrade: {done.stderr}")
    load.stage(server, DATABASE, records)
    indexes = server.without_indexes(DATABASE, LOADED)
    prelude = "SET session_replication_role = replica; SET synchronous_commit = off; SET jit = off;\n"
    for statement in statements():
        server.sql(DATABASE, prelude + statement)
    server.sql(DATABASE, f"SELECT setval(pg_get_serial_sequence('experiments', 'experiment_id'), {LOGGING})")
    say(f"making {len(indexes)} indexes and those of a DBA")
    for definition in indexes:
        server.sql(DATABASE, definition)
    server.sql(DATABASE, "DROP SCHEMA bench CASCADE")
    server.sql(DATABASE, TUNED)


def environment():
    """MLflow without what would take the processors from it."""
    return {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
