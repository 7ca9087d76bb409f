#!/usr/bin/env python3
"""The queue: jobs through Nunatak on PostgreSQL and SQLite, beside a bare table that is claimed with SKIP LOCKED (the limit).

    cargo xtask bench queue            # builds the release binary first

Eight runners of this script claim and end jobs that take no time. Needs PostgreSQL's server and pgbench (Debian:
apt-get install postgresql postgresql-contrib). Everything listens on loopback. The name ends in an underscore because
Python's own library has a `queue`.
"""
import argparse
import http.client
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from query_bench import places
from query_bench.postgres import Postgres
from query_bench.server import Nunatak

CSV = b"x,y,anomaly\n1,2,0\n2,3,0\n90,90,1\n"
REGISTER = """mutation ($input: RegisterRunnerInput!) { registerRunner(input: $input) { runner { id } userErrors { message } } }"""
CLAIM = """mutation ($runner: ID!, $wait: Int!) { claimJob(input: {runner: $runner, waitSeconds: $wait}) {
    claim { attempt token project job { id kind } } userErrors { message } } }"""
COMPLETE = """mutation ($input: CompleteJobInput!) { completeJob(input: $input) { job { id } userErrors { message } } }"""
EVALUATE = """mutation ($input: EvaluateInput!) { evaluate(input: $input) { job { id } userErrors { message } } }"""


class Caller:
    """One connection that is kept open."""

    def __init__(self, base, token):
        self.host = base.removeprefix("http://")
        self.token = token
        self.connection = http.client.HTTPConnection(self.host)

    def send(self, method, path, body, token, content_type):
        headers = {"content-type": content_type, "authorization": f"Bearer {token or self.token}"}
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def ask(self, document, token=None, **variables):
        body = json.dumps({"query": document, "variables": variables})
        status, raw = self.send("POST", "/graphql", body, token, "application/json")
        data = json.loads(raw)
        if status != 200 or data.get("errors"):
            sys.exit(f"{status} {raw.decode()[:1000]}")
        payload = next(iter(data["data"].values()))
        if isinstance(payload, dict) and payload.get("userErrors"):
            sys.exit(f"{payload['userErrors']}\nto {document[:200]}")
        return payload

    def upload(self, project, name, content, token=None):
        made = self.ask("mutation ($input: CreateUploadInput!) { createUpload(input: $input) { upload { id url } userErrors { message } } }",
                        token, input={"project": project, "fileName": name, "size": len(content)})["upload"]
        status, raw = self.send("PUT", made["url"], content, token, "application/octet-stream")
        if status >= 300:
            sys.exit(f"PUT {status} {raw.decode()[:500]}")
        self.ask("mutation ($id: ID!) { completeUpload(input: {id: $id}) { userErrors { message } } }", token, id=made["id"])
        return made["id"]


class Bench:
    def __init__(self, server, runners):
        self.base, self.token = server.base, server.token
        self.owner = Caller(self.base, self.token)
        space = self.owner.ask('mutation { createWorkspace(input: {name: "queue"}) { workspace { id } userErrors { message } } }')
        self.projects = [self.owner.ask(
            "mutation ($i: CreateProjectInput!) { createProject(input: $i) { project { id } userErrors { message } } }",
            i={"workspace": space["workspace"]["id"], "name": f"project {number}"})["project"]["id"] for number in range(4)]
        schema = {"type": "object", "additionalProperties": False, "properties": {}}
        detector = {"name": "nothing", "version": "1.0.0", "title": "Nothing", "summary": "Takes no time.",
                    "inputKind": "TABULAR", "hyperparameterSchema": schema}
        self.runner_token = server.command("token", "create", "--runner", "--name", "bench").splitlines()[-1]
        self.runners = [Caller(self.base, self.runner_token).ask(
            REGISTER, input={"name": f"runner {number}", "capacity": 4, "detectors": [detector]})["runner"]["id"]
            for number in range(runners)]
        self.targets = [self.version(project) for project in self.projects]

    def version(self, project):
        """A version and a labelled dataset of the project: to evaluate one by the other makes a job that needs no file."""
        owner = self.owner
        upload = owner.upload(project, "rows.csv", CSV)
        made = owner.ask("mutation ($i: CreateDatasetInput!) { createDataset(input: $i) { dataset { latestVersion { id } } userErrors { message } } }",
                         i={"project": project, "name": "rows", "upload": upload, "labelColumn": "anomaly"})
        dataset = made["dataset"]["latestVersion"]["id"]
        owner.ask("mutation ($i: TrainModelInput!) { trainModel(input: $i) { job { id } userErrors { message } } }",
                  i={"project": project, "model": "nothing", "detector": "nothing", "dataset": dataset})
        claim = self.claim(Caller(self.base, self.runner_token), self.runners[0])
        runner = Caller(self.base, claim["token"])
        artifact = runner.upload(project, "model.bin", b"nothing learned")
        runner.ask(COMPLETE, input={"job": claim["job"]["id"], "attempt": claim["attempt"],
                                    "result": {"train": {"artifactUpload": artifact}}})
        job = owner.ask("query ($id: ID!) { job(id: $id) { version { id } } }", id=claim["job"]["id"])
        return {"version": job["version"]["id"], "dataset": dataset}

    @staticmethod
    def claim(caller, runner, wait=0):
        return caller.ask(CLAIM, runner=runner, wait=wait)["claim"]

    @staticmethod
    def end(caller, claim):
        result = {"evaluate": {"rowCount": 3, "anomalyCount": 1, "threshold": 0.5, "metrics": [{"key": "roc_auc", "value": 1.0}]}}
        caller.ask(COMPLETE, claim["token"], input={"job": claim["job"]["id"], "attempt": claim["attempt"], "result": result})

    def submit(self, count, callers=4):
        """So many jobs, spread over the projects; the seconds that it took."""
        def some(caller, first):
            for number in range(first, count, callers):
                caller.ask(EVALUATE, input=self.targets[number % len(self.targets)])
        return in_parallel([lambda first=first: some(Caller(self.base, self.token), first) for first in range(callers)])

    def drain(self):
        """Eight runners take and end jobs until there is none: each claim's seconds, and the seconds in all."""
        claims = [[] for _ in self.runners]

        def run(number):
            caller = Caller(self.base, self.runner_token)
            while True:
                started = time.perf_counter()
                claim = self.claim(caller, self.runners[number])
                taken = time.perf_counter() - started
                if claim is None:
                    return
                claims[number].append(taken)
                self.end(caller, claim)
        seconds = in_parallel([lambda number=number: run(number) for number in range(len(self.runners))])
        return sorted(sum(claims, [])), seconds

    def wake(self, count):
        """How long after it was asked for a job is with one of the runners that wait for it."""
        waits = []
        for number in range(count):
            started, got = [], []

            def run(runner):
                claim = self.claim(Caller(self.base, self.runner_token), runner, wait=1)
                if claim:
                    got.append((time.perf_counter(), claim))
            threads = [threading.Thread(target=run, args=(runner,)) for runner in self.runners]
            for thread in threads:
                thread.start()
            time.sleep(0.15)
            started.append(time.perf_counter())
            self.owner.ask(EVALUATE, input=self.targets[number % len(self.targets)])
            for thread in threads:
                thread.join()
            at, claim = got[0]
            waits.append(at - started[0])
            self.end(Caller(self.base, self.runner_token), claim)
        return sorted(waits)


def in_parallel(works):
    threads = [threading.Thread(target=work) for work in works]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started


def percentile(sorted_values, share):
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * share))]


def limit(postgres, jobs, clients):
    """A bare table with an index, two statements a job: what PostgreSQL itself does on this machine."""
    postgres.fresh("bare")
    postgres.sql("bare", f"""CREATE TABLE job (id bigint PRIMARY KEY, status smallint NOT NULL, runner int, ended timestamptz);
        INSERT INTO job SELECT n, 0 FROM generate_series(1, {jobs * 40}) n;
        CREATE INDEX job_queue ON job (id) WHERE status = 0; ANALYZE job;""")
    script = tempfile.NamedTemporaryFile("w", suffix=".sql")
    script.write("""UPDATE job SET status = 1, runner = :client_id WHERE id =
        (SELECT id FROM job WHERE status = 0 ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id \\gset
UPDATE job SET status = 2, ended = now() WHERE id = :id;
""")
    script.flush()
    os.chmod(script.name, 0o644)
    done = subprocess.run([places.program("pgbench", "postgresql-contrib"), "-n", "-f", script.name, "-c", str(clients), "-j", "2",
                           "-t", str(jobs // clients), "bare"], env=postgres.environment("bare"), capture_output=True, text=True)
    rate = [line for line in done.stdout.splitlines() if line.startswith("tps")]
    return float(rate[0].split()[2]) if rate else sys.exit(done.stderr)


def measured(name, bench, options):
    rows = {"submit": [], "claims": [], "rate": []}
    for _ in range(options.rounds):
        rows["submit"].append(options.jobs / bench.submit(options.jobs))
        claims, seconds = bench.drain()
        assert len(claims) == options.jobs, f"{len(claims)} of {options.jobs} jobs came back"
        rows["claims"].append(claims)
        rows["rate"].append(options.jobs / seconds)
    wakes = bench.wake(options.wakes)
    claims = sorted(sum(rows["claims"], []))
    return {"name": name, "submit": statistics.median(rows["submit"]), "rate": statistics.median(rows["rate"]),
            "p50": percentile(claims, 0.5) * 1e3, "p95": percentile(claims, 0.95) * 1e3,
            "wake50": percentile(wakes, 0.5) * 1e3, "wake95": percentile(wakes, 0.95) * 1e3}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1000, help="how many wait at once (default 1000)")
    parser.add_argument("--runners", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--wakes", type=int, default=40, help="jobs for runners that wait (default 40)")
    parser.add_argument("--sqlite", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--binary", help="a release binary that is there already")
    return parser.parse_args()


def binary():
    subprocess.run(["cargo", "build", "--release", "--locked", "-p", "nunatak"], cwd=places.ROOT, check=True)
    return str(pathlib.Path(os.environ.get("CARGO_TARGET_DIR", places.ROOT / "target")) / "release" / "nunatak")


def on(name, options, directory, url=None):
    server = Nunatak(name, options.binary, directory, url)
    server.command("migrate", "up")
    server.environment["NUNATAK_ADMIN_PASSWORD"] = "a password for benches"
    server.command("admin", "create", "--login", "bench")
    server.start()
    try:
        return measured(name, Bench(server, options.runners), options) | {"memory": server.memory_mb()[0]}
    finally:
        server.stop()


def main():
    options = arguments()
    options.binary = options.binary or binary()
    directory = places.BENCH / "queue"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    postgres = Postgres(directory / "postgres")
    try:
        postgres.fresh("nunatak")
        bare = limit(postgres, options.jobs, options.runners)
        results = [on("PostgreSQL", options, directory / "on-postgres", postgres.url("nunatak"))]
        bare = (bare + limit(postgres, options.jobs, options.runners)) / 2
        if options.sqlite:
            results.append(on("SQLite", options, directory / "on-sqlite"))
    finally:
        postgres.stop()
    print(f"\n{options.jobs} jobs wait in 4 projects, {options.runners} runners; the bare table: {bare:.0f} jobs/s\n")
    print("| on | asked for /s | claimed and ended /s | of the bare table | claim p50, p95 ms | asked for to started p50, p95 ms | server MB |")
    print("|---|---|---|---|---|---|---|")
    for row in results:
        print(f"| {row['name']} | {row['submit']:.0f} | {row['rate']:.0f} | {row['rate'] / bare:.2f} | {row['p50']:.1f}, {row['p95']:.1f} "
              f"| {row['wake50']:.1f}, {row['wake95']:.1f} | {row['memory']:.0f} |")


if __name__ == "__main__":
    main()
