"""Data that is there and of the right make is used again; anything else is made anew."""
import json
import shutil

from . import limit, load, peer, peer_load, shape
from .places import DATA_VERSION, data_dir, say
from .postgres import Postgres
from .server import Nunatak


class Prepared:
    """Databases of one size: `postgres` runs, the servers do not yet."""

    def __init__(self, options):
        self.options = options
        self.directory = data_dir(options.versions)
        self._records = None
        self.postgres = Postgres(self.directory / "postgres")
        self.on_postgres = Nunatak("PostgreSQL", options.binary, self.directory / "on-postgres", self.postgres.url("nunatak"))
        self.on_sqlite = Nunatak("SQLite", options.binary, self.directory / "on-sqlite")

    @property
    def records(self):
        if self._records is None:
            self._records = shape.Records(self.options.versions)
        return self._records

    def is_made(self, part, make):
        """Whether `part` was made like this before; if not, the caller makes it and calls `made`."""
        file = self.directory / f"{part}.json"
        return file.exists() and json.loads(file.read_text()) == make

    def made(self, part, make):
        (self.directory / f"{part}.json").write_text(json.dumps(make))

    def staged(self):
        """The wide rows, from which the databases in PostgreSQL are made."""
        found = self.postgres.sql("nunatak", "SELECT to_regclass('bench.record') IS NOT NULL")
        if found[0][0] != "t":
            say("staging the records")
            load.stage(self.postgres, "nunatak", self.records)

    def unstage(self):
        self.postgres.sql("nunatak", "DROP SCHEMA IF EXISTS bench CASCADE; CHECKPOINT;")

    def fill_postgres(self):
        server = self.on_postgres
        if "nunatak" not in self.postgres.databases():
            self.postgres.fresh("nunatak")
        if self.is_made("nunatak-postgres", [DATA_VERSION, _steps(server)]):
            return
        say(f"loading {self.options.versions} versions into PostgreSQL")
        self.postgres.fresh("nunatak")
        for part in ("lean", "nunatak-postgres"):
            (self.directory / f"{part}.json").unlink(missing_ok=True)
        server.command("migrate", "up")
        self.staged()
        load.postgres(self.postgres, "nunatak", self.records)
        self.made("nunatak-postgres", [DATA_VERSION, _steps(server)])

    def fill_sqlite(self):
        server = self.on_sqlite
        if self.is_made("nunatak-sqlite", [DATA_VERSION, _steps(server)]):
            return
        say(f"loading {self.options.versions} versions into SQLite")
        (self.directory / "nunatak-sqlite.json").unlink(missing_ok=True)
        shutil.rmtree(server.directory)
        server.directory.mkdir()
        server.command("migrate", "up")
        load.sqlite(server.directory / "nunatak.db", self.records)
        self.made("nunatak-sqlite", [DATA_VERSION, _steps(server)])

    def fill_limit(self):
        make = [DATA_VERSION, limit.SCHEMA, limit.INDEXES]
        if not self.is_made("lean", make):
            self.staged()
            limit.fill(self.postgres, "nunatak")
            self.made("lean", make)

    def fill_mlflow(self, python):
        make = [DATA_VERSION, peer.PACKAGES, peer_load.statements(), peer_load.TUNED]
        if peer_load.DATABASE not in self.postgres.databases() or not self.is_made("mlflow", make):
            peer_load.fill(self.postgres, python, self.records)
            self.made("mlflow", make)

    def warm(self):
        """Everything is in memory before anything is measured: at a million versions a second of questions is too few."""
        files = [path for path in (self.directory / "postgres/data/base").rglob("*") if path.is_file()]
        for path in [*files, *self.on_sqlite.directory.glob("nunatak.db*")]:
            with open(path, "rb", buffering=0) as file:
                while file.read(1 << 22):
                    pass

    def stop(self):
        self.on_postgres.stop()
        self.on_sqlite.stop()
        self.postgres.stop()


def _steps(server):
    """The migrations that the program knows, and whether the database has had them."""
    return server.command("migrate", "status").splitlines()
