"""A private PostgreSQL: its own directory, loopback only, stopped at the end."""
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time

from .places import free_port, program, say

USER = "nunatak"
# Everything warm in memory, and a load that writes its log in few large steps. What is committed is on the disk.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": 100,
    "shared_buffers": "2GB",
    "effective_cache_size": "12GB",
    "work_mem": "32MB",
    "maintenance_work_mem": "1GB",
    "max_wal_size": "3GB",
    "checkpoint_timeout": "30min",
    "wal_level": "minimal",
    "max_wal_senders": 0,
    "log_line_prefix": "",
}


class Postgres:
    def __init__(self, directory):
        self.directory = directory
        self.account = self._account()
        data = directory / "data"
        if not (data / "PG_VERSION").exists():
            directory.mkdir(parents=True, exist_ok=True)
            if self.account:
                shutil.chown(directory, self.account.pw_uid, self.account.pw_gid)
            self._run([program("initdb", "postgresql"), "--pgdata", str(data), "--username", USER, "--auth=trust",
                       "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"], check=True, stdout=subprocess.DEVNULL)
        self.port = free_port()
        # Unix sockets have short paths only; nobody needs one here.
        settings = {**SETTINGS, "port": self.port, "unix_socket_directories": ""}
        command = [program("postgres", "postgresql"), "-D", str(data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        if shutil.which("setpriv"):
            # Should we be killed outright, the kernel stops the server.
            command = ["setpriv", "--pdeathsig", "INT", "--", *command]
        self.log = directory.parent / "postgres.log"
        self.process = self._run(command, how=subprocess.Popen, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT,
                                 stdout=open(self.log, "w"), start_new_session=True)
        self._wait(data / "postmaster.pid")

    def url(self, database):
        return f"postgres://{USER}@127.0.0.1:{self.port}/{database}"

    def environment(self, database):
        return {**os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": USER, "PGDATABASE": database}

    def sql(self, database, text, stdin=None):
        """Runs statements, each in its own transaction; the rows of the last as lists of texts."""
        command = [program("psql", "postgresql-client"), "-XqAt", "-F", "\x1f", "-v", "ON_ERROR_STOP=1"]
        if stdin is None:
            done = subprocess.run(command, env=self.environment(database), input=text, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"PostgreSQL: {done.stderr.strip()}\n{text[:2000]}")
            return [line.split("\x1f") for line in done.stdout.splitlines()]
        process = subprocess.Popen([*command, "-c", text], env=self.environment(database), stdin=subprocess.PIPE)
        for line in stdin:
            process.stdin.write(line)
        process.stdin.close()
        if process.wait():
            sys.exit(f"PostgreSQL refuses what {text} was given")
        return []

    def copy(self, database, table, columns, rows):
        """COPY of rows of Python values."""
        names = ", ".join(f'"{column}"' for column in columns)
        self.sql(database, f"COPY {table} ({names}) FROM STDIN", stdin=map(_line, rows))

    def databases(self):
        return {row[0] for row in self.sql("postgres", "SELECT datname FROM pg_database")}

    def fresh(self, database):
        self.sql("postgres", f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
        self.sql("postgres", f'CREATE DATABASE "{database}"')

    def without_indexes(self, database, tables):
        """Drops the secondary indexes of tables; returns the statements that make them again, from the catalogue."""
        rows = self.sql(database, f"""
            SELECT i.schemaname || '.' || quote_ident(i.indexname), i.indexdef FROM pg_indexes i
            WHERE i.tablename IN ({', '.join(f"'{table}'" for table in tables)}) AND i.schemaname = 'public'
            AND NOT EXISTS (SELECT 1 FROM pg_constraint c JOIN pg_class k ON k.oid = c.conindid
                            WHERE k.relname = i.indexname)""")
        self.sql(database, "".join(f"DROP INDEX {name};\n" for name, _ in rows))
        return [definition for _, definition in rows]

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()

    @staticmethod
    def _account():
        """The user that the server runs as: PostgreSQL refuses to run as root."""
        if os.geteuid():
            return None
        for name in ("postgres", "nobody"):
            try:
                return pwd.getpwnam(name)
            except KeyError:
                pass
        return sys.exit("PostgreSQL refuses to run as root, and there is no user postgres or nobody")

    def _run(self, command, how=subprocess.run, **options):
        if self.account:
            options |= {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}
        return how(command, cwd=self.directory, **options)

    def _wait(self, pid_file):
        """The server writes its state into the eighth line of its pid file."""
        for _ in range(1200):
            if self.process.poll() is not None:
                sys.exit(f"PostgreSQL ended at once:\n{self.log.read_text()[-2000:]}")
            lines = pid_file.read_text().splitlines() if pid_file.exists() else []
            if len(lines) > 7 and lines[0] == str(self.process.pid) and lines[7].strip() == "ready":
                say(f"a private PostgreSQL is up on port {self.port}")
                return
            time.sleep(0.1)
        sys.exit("PostgreSQL is not ready after two minutes")


def _line(row):
    return "\t".join(map(_field, row)).encode() + b"\n"


def _field(value):
    if value is None:
        return "\\N"
    if value is True or value is False:
        return "t" if value else "f"
    if isinstance(value, str):
        return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
    return str(value)
