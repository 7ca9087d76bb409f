"""Fills empty databases, whose schema `nunatak migrate` made, with the records."""
import sqlite3
import uuid

from . import shape
from .places import say

LOADED = ["users", "memberships", "workspaces", "projects", "keys", "tags", "models", "versions", "hyperparameters",
          "metrics", "metric_points", "version_tags", "version_maps"]

VALUE_COLUMNS = "(version_row, key_id, project_row, kind, number, text, text_head)"
METRIC_COLUMNS = "(version_row, key_id, project_row, last, last_step, last_at, min, max, best, points)"
POINT_COLUMNS = "(version_row, key_id, step, at, value)"


def small_tables(records):
    """Everything but what hangs on versions: (table, columns, rows)."""
    at = shape.WORKSPACE_MICROS
    owner = uuid.UUID(int=shape.user_id(0))
    space = uuid.UUID(int=shape.WORKSPACE_ID)
    users = [(uuid.UUID(int=shape.user_id(n)), login, False, False, at, at) for n, login in enumerate(shape.AUTHORS)]
    yield "users", ["id", "login", "is_admin", "is_service", "created_at", "updated_at"], users
    yield ("workspaces", ["id", "name", "description", "created_by", "created_at", "updated_at"],
           [(space, "bench", "", owner, at, at)])
    developer = 30
    yield ("memberships", ["id", "user_id", "workspace_id", "role", "created_by", "created_at", "updated_at"],
           [(uuid.UUID(int=shape.user_id(100 + n)), user[0], space, developer, owner, at, at) for n, user in enumerate(users)])
    projects = range(1, shape.PROJECTS + 1)
    # One more, into which the benchmark of logging writes.
    names = [(row, f"project-{row}") for row in projects] + [(shape.PROJECTS + 1, "logging")]
    yield ("projects", ["row_id", "id", "workspace_id", "name", "description", "created_by", "created_at", "updated_at"],
           [(row, uuid.UUID(int=shape.project_id(row)), space, name, "", owner, at, at) for row, name in names])
    keys = [(shape.KEY_ID, 0), (shape.METRIC_ID, 2), (shape.TAG_NAME_ID, 3)]
    yield "keys", ["id", "kind", "name"], [(number, kind, name) for ids, kind in keys for name, number in ids.items()]
    yield ("tags", ["id", "project_row", "name", "description", "created_by", "created_at", "updated_at"],
           [(uuid.UUID(int=shape.tag_id(row, place)), row, tag, "", owner, at, at)
            for row in projects for place, tag in enumerate(shape.TAGS)])
    yield ("models", ["id", "project_id", "name", "description", "next_number", "created_by", "created_at", "updated_at"],
           ((uuid.UUID(int=shape.model_id(n)), uuid.UUID(int=shape.project_id(n % shape.PROJECTS + 1)), name, "", number,
             owner, at, at) for n, (name, number) in enumerate(zip(records.name, records.next_number.tolist()))))


def series_rows(records):
    """The points of the long curves: (version row, step, at, value)."""
    for row, values in zip(records.series_rows, records.series):
        for step, value in enumerate(values):
            yield row, step, shape.created_at(row) + step, value


def stage(postgres, database, records):
    """The wide rows and the words they name by number, in the schema `bench`: what the other shapes are made from."""
    types = ", ".join(f"{c} {'UUID' if c == 'id' else shape.column_type(c)}" for c in shape.COLUMNS)
    postgres.sql(database, f"""
        DROP SCHEMA IF EXISTS bench CASCADE; CREATE SCHEMA bench;
        CREATE UNLOGGED TABLE bench.record ({types});
        CREATE UNLOGGED TABLE bench.point (row_id BIGINT, step BIGINT, at BIGINT, value DOUBLE PRECISION);
        CREATE UNLOGGED TABLE bench.word (kind TEXT, number BIGINT, text TEXT, id UUID);
        CREATE UNLOGGED TABLE bench.model (number BIGINT, id UUID, name TEXT, project_row BIGINT);""")
    postgres.copy(database, "bench.record", shape.COLUMNS, records.rows())
    postgres.copy(database, "bench.point", ["row_id", "step", "at", "value"], series_rows(records))
    groups = {"author": shape.AUTHORS, "detector": shape.DETECTORS, "branch": shape.BRANCHES, "team": shape.TEAMS,
              "dataset": shape.DATASETS, "stage": shape.STAGES}
    ids = lambda kind, n: uuid.UUID(int=shape.user_id(n)) if kind == "author" else None
    postgres.copy(database, "bench.word", ["kind", "number", "text", "id"],
                  ((kind, n, text, ids(kind, n)) for kind, texts in groups.items() for n, text in enumerate(texts)))
    postgres.copy(database, "bench.model", ["number", "id", "name", "project_row"],
                  ((n, uuid.UUID(int=shape.model_id(n)), name, n % shape.PROJECTS + 1) for n, name in enumerate(records.name)))
    postgres.sql(database, "ANALYZE bench.record; ANALYZE bench.model; ANALYZE bench.word;")


def postgres(server, database, records):
    """Fills the product's own tables from the staged rows."""
    indexes = server.without_indexes(database, LOADED)
    for table, columns, rows in small_tables(records):
        server.copy(database, table, columns, rows)
    has_maps = server.sql(database, "SELECT to_regclass('version_maps') IS NOT NULL")[0][0] == "t"
    hyper = ", ".join(
        f"({shape.KEY_ID[key]}, 1, NULL::float8, r.h_{key}, r.h_{key})" if key in shape.TEXTS
        else f"({shape.KEY_ID[key]}, 0, r.h_{key}, NULL::text, NULL::text)" for key in shape.HYPERPARAMETERS)
    metrics = ", ".join(f"({shape.METRIC_ID[key]}, r.m_{key})" for key in shape.METRICS)
    tags = ", ".join(f"('{kind}', r.{kind})" for kind in ("team", "dataset", "stage"))
    name_id, name_value = (", name_id", f", {shape.TAG_NAME_ID[shape.TAGS[0]]} + p.place") if has_maps else ("", "")
    curve = shape.METRIC_ID[shape.SERIES]
    statements = [
        f"""INSERT INTO versions (row_id, id, project_row, model_id, number, status, visibility, description, detector_name,
              detector_version, git_branch, created_by, created_at, updated_at)
            SELECT r.row_id, r.id, r.project_row, m.id, r.number, 1, 0, '', d.text, '1.0.0', b.text, a.id, r.at, r.at
            FROM bench.record r JOIN bench.model m ON m.number = r.model
            JOIN bench.word d ON d.kind = 'detector' AND d.number = r.detector
            JOIN bench.word b ON b.kind = 'branch' AND b.number = r.branch
            JOIN bench.word a ON a.kind = 'author' AND a.number = r.author ORDER BY r.row_id""",
        f"""INSERT INTO hyperparameters {VALUE_COLUMNS}
            SELECT r.row_id, k.key, r.project_row, k.kind, k.number, k.text, k.head
            FROM bench.record r CROSS JOIN LATERAL (VALUES {hyper}) AS k (key, kind, number, text, head)""",
        f"""INSERT INTO metrics {METRIC_COLUMNS}
            SELECT r.row_id, k.key, r.project_row, k.value, 0, r.at, k.value, k.value, k.value, 1
            FROM bench.record r CROSS JOIN LATERAL (VALUES {metrics}) AS k (key, value)""",
        f"""INSERT INTO metrics {METRIC_COLUMNS}
            SELECT p.row_id, {curve}, r.project_row, (array_agg(p.value ORDER BY p.step DESC))[1], max(p.step), max(p.at),
              min(p.value), max(p.value), max(p.value), count(*)
            FROM bench.point p JOIN bench.record r USING (row_id) GROUP BY p.row_id, r.project_row""",
        f"""INSERT INTO metric_points {POINT_COLUMNS}
            SELECT r.row_id, k.key, 0, r.at, k.value
            FROM bench.record r CROSS JOIN LATERAL (VALUES {metrics}) AS k (key, value)""",
        f"""INSERT INTO metric_points {POINT_COLUMNS}
            SELECT row_id, {curve}, step, at, value FROM bench.point""",
        f"""INSERT INTO version_tags (tag_id, version_row{name_id})
            SELECT t.id, r.row_id{name_value} FROM bench.record r
            CROSS JOIN LATERAL (VALUES {tags}) AS k (kind, number)
            JOIN bench.word w ON w.kind = k.kind AND w.number = k.number
            JOIN (SELECT name AS text, row_number() OVER (ORDER BY place) - 1 AS place
                  FROM unnest(ARRAY[{', '.join(f"'{tag}'" for tag in shape.TAGS)}]) WITH ORDINALITY AS n (name, place))
              AS p ON p.text = w.text
            JOIN tags t ON t.project_row = r.project_row AND t.name = w.text""",
    ]
    if has_maps:
        statements.append("""INSERT INTO version_maps (version_row, hyperparameters, parameters, metrics)
            SELECT row_id, hyperparameters, '{}', metrics FROM bench.record""")
    # Foreign keys hold by construction; asking for each row would take longer than the load.
    prelude = "SET session_replication_role = replica; SET synchronous_commit = off; SET jit = off;\n"
    for statement in statements:
        say(statement.split("(")[0].strip())
        server.sql(database, prelude + statement)
    sequences = ["versions:row_id", "projects:row_id", "keys:id"]
    for table, column in (sequence.split(":") for sequence in sequences):
        server.sql(database, f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), (SELECT max({column}) FROM {table}))")
    say(f"making {len(indexes)} indexes")
    for definition in indexes:
        server.sql(database, definition)
    server.sql(database, "VACUUM (ANALYZE); CHECKPOINT;")


def sqlite(path, records):
    """The same in an SQLite file."""
    db = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -1000000", "temp_store = MEMORY", "threads = 2"):
        db.execute(f"PRAGMA {pragma}")
    indexes = [row for row in db.execute("SELECT name, sql, tbl_name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
               if row[2] in LOADED]
    for name, _, _ in indexes:
        db.execute(f'DROP INDEX "{name}"')
    db.execute("BEGIN")
    for table, columns, rows in small_tables(records):
        blobs = ([v.bytes if isinstance(v, uuid.UUID) else v for v in row] for row in rows)
        db.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", blobs)
    has_maps = bool(db.execute("SELECT 1 FROM sqlite_master WHERE name = 'version_maps'").fetchone())
    chunk = []
    for row in records.rows():
        chunk.append(row)
        if len(chunk) == 20_000:
            _sqlite_chunk(db, chunk, has_maps)
            chunk = []
    _sqlite_chunk(db, chunk, has_maps)
    curves = [(row, min(v), max(v), v[-1]) for row, v in zip(records.series_rows, records.series)]
    curve, last = shape.METRIC_ID[shape.SERIES], shape.SERIES_POINTS - 1
    db.executemany(f"INSERT INTO metrics {METRIC_COLUMNS} VALUES (?,?,?,?,?,?,?,?,?,?)",
                   [(row, curve, int(records.project[row - 1]), end, last, shape.created_at(row) + last, low, high, high, last + 1)
                    for row, low, high, end in curves])
    db.executemany(f"INSERT INTO metric_points {POINT_COLUMNS} VALUES (?,{curve},?,?,?)", series_rows(records))
    db.execute("COMMIT")
    say(f"making {len(indexes)} indexes")
    for _, definition, _ in indexes:
        db.execute(definition)
    db.execute("ANALYZE")
    db.execute("PRAGMA journal_mode = WAL")
    db.close()


def _sqlite_chunk(db, chunk, has_maps):
    first_h = shape.COLUMNS.index(f"h_{shape.HYPERPARAMETERS[0]}")
    first_m = shape.COLUMNS.index(f"m_{shape.METRICS[0]}")
    keys = [(place, shape.KEY_ID[key], key in shape.TEXTS) for place, key in enumerate(shape.HYPERPARAMETERS, first_h)]
    metrics = [(place, shape.METRIC_ID[key]) for place, key in enumerate(shape.METRICS, first_m)]
    authors = [uuid.UUID(int=shape.user_id(n)).bytes for n in range(len(shape.AUTHORS))]
    db.executemany(
        "INSERT INTO versions (row_id, id, project_row, model_id, number, status, visibility, description, detector_name, "
        "detector_version, git_branch, created_by, created_at, updated_at) VALUES (?,?,?,?,?,1,0,'',?,'1.0.0',?,?,?,?)",
        [(r[0], bytes.fromhex(r[1].replace("-", "")), r[3], uuid.UUID(int=shape.model_id(r[4])).bytes, r[5],
          shape.DETECTORS[r[7]], shape.BRANCHES[r[8]], authors[r[6]], r[2], r[2]) for r in chunk])
    db.executemany(f"INSERT INTO hyperparameters {VALUE_COLUMNS} VALUES (?,?,?,?,?,?,?)",
                   [(r[0], key, r[3], 1, None, r[place], r[place]) if text else (r[0], key, r[3], 0, r[place], None, None)
                    for r in chunk for place, key, text in keys])
    db.executemany(f"INSERT INTO metrics {METRIC_COLUMNS} VALUES (?,?,?,?,0,?,?,?,?,1)",
                   [(r[0], key, r[3], r[place], r[2], r[place], r[place], r[place]) for r in chunk for place, key in metrics])
    db.executemany(f"INSERT INTO metric_points {POINT_COLUMNS} VALUES (?,?,0,?,?)",
                   [(r[0], key, r[2], r[place]) for r in chunk for place, key in metrics])
    offsets = (0, len(shape.TEAMS), len(shape.TEAMS) + len(shape.DATASETS))
    first = shape.TAG_NAME_ID[shape.TAGS[0]]
    tags = [(r[3], r[0], offset + r[9 + group]) for r in chunk for group, offset in enumerate(offsets)]
    names = "(tag_id, version_row, name_id) VALUES (?,?,?)" if has_maps else "(tag_id, version_row) VALUES (?,?)"
    db.executemany(f"INSERT INTO version_tags {names}",
                   [(_tag_bytes(project, place), row, first + place)[: 3 if has_maps else 2] for project, row, place in tags])
    if has_maps:
        db.executemany("INSERT INTO version_maps (version_row, hyperparameters, parameters, metrics) VALUES (?,?,'{}',?)",
                       [(r[0], r[-2], r[-1]) for r in chunk])


_TAG_BYTES = {}


def _tag_bytes(project, place):
    key = project, place
    if key not in _TAG_BYTES:
        _TAG_BYTES[key] = uuid.UUID(int=shape.tag_id(project, place)).bytes
    return _TAG_BYTES[key]
