"""MLflow beside us: its REST API, two workers, over the same PostgreSQL."""
import base64
import http.client
import json
import os
import signal
import subprocess
import threading
import time
import urllib.parse

import numpy

from . import peer_load, shape, workloads
from .places import call, free_port, venv, wait_for

# uvloop and httptools: a plain install is slower, and it is the better one that counts.
PACKAGES = ["mlflow==3.17.2", "psycopg2-binary", "uvloop", "httptools"]
API = "/api/2.0/mlflow"
EVERYWHERE = [str(row) for row in range(1, shape.PROJECTS + 1)]


def python():
    return venv("mlflow-venv", PACKAGES)


def run_id(row):
    return f"{shape.version_id(row):032x}"


class Mlflow:
    name = "MLflow"
    headers = {}

    def __init__(self, program, postgres, directory):
        directory.mkdir(parents=True, exist_ok=True)
        port = free_port()
        self.base = f"http://127.0.0.1:{port}"
        self.port = port
        self.postgres = postgres
        uri = postgres.url(peer_load.DATABASE).replace("postgres://", "postgresql+psycopg2://")
        log = open(directory / "mlflow.log", "w")
        self.process = subprocess.Popen(
            [program, "-m", "mlflow", "server", "--backend-store-uri", uri, "--default-artifact-root", str(directory / "artifacts"),
             "--workers", "2", "--host", "127.0.0.1", "--port", str(port), "--uvicorn-opts", "--log-level warning"],
            env=peer_load.environment(), cwd=directory, stdout=log, stderr=log, start_new_session=True)
        wait_for(self.base + "/health", self.process, 180)
        time.sleep(5)  # the second worker has no address of its own to ask

    def stop(self):
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait()

    def requests(self, workload, drawn, records):
        return [QUESTIONS[workload.name](p) for p in drawn]

    def check(self, workload, p, request, records):
        method, path, body = request
        answer, size = call(self.base + path, body if method == "POST" else None)
        if workload.name == "11":
            values = records.series[records.series_rows.index(p["row"])]
            return None if [point["value"] for point in answer["metrics"]] == values else "the series is another one", size
        if workload.name == "09":
            runs = [answer["run"]]
        else:
            runs = answer.get("runs") or answer.get("model_versions") or []
        found = [run["run_id"] if "run_id" in run else run["info"]["run_id"] for run in runs]
        expected = [run_id(row) for row in workload.rows(p, records)]
        if sorted(found) == sorted(expected) if workload.name == "10" else found == expected:
            return None, size
        return f"{len(found)} came back ({found[:3]}…), expected {len(expected)} ({expected[:3]}…) for {p}", size


def _search(filter="", experiments=EVERYWHERE, order=(), skip=0, size=workloads.PAGE):
    body = {"experiment_ids": experiments, "max_results": size}
    body |= {"filter": filter} if filter else {}
    body |= {"order_by": list(order)} if order else {}
    body |= {"page_token": base64.b64encode(json.dumps({"offset": skip}).encode()).decode()} if skip else {}
    return "POST", f"{API}/runs/search", json.dumps(body, separators=(",", ":"))


def _get(path, **arguments):
    return "GET", f"{API}/{path}?{urllib.parse.urlencode(arguments)}", None


def _ordered(p):
    return [f"metrics.{p['metric']} {'DESC' if p['descending'] else 'ASC'}"]


def _versions(filter=""):
    return _get("model-versions/search", max_results=workloads.PAGE, order_by="creation_timestamp DESC", **({"filter": filter} if filter else {}))


QUESTIONS = {
    "01": lambda p: _search(experiments=[str(p["project"])]),
    "02": lambda p: _search(f"metrics.auc > {p['auc']!r}"),
    "03": lambda p: _search(f"metrics.auc > {p['auc']!r} and params.optimizer = '{p['optimizer']}'"),
    "04": lambda p: _search(f"metrics.auc > {p['auc']!r} and metrics.loss < {p['loss']!r} and params.optimizer = '{p['optimizer']}' "
                            f"and params.kernel = '{p['kernel']}' and tags.team = '{p['team']}'"),
    "05": lambda p: _search(experiments=[str(p["project"])], order=_ordered(p)),
    "06": lambda p: _search(order=_ordered(p)),
    "07": lambda p: _search(f"attributes.run_name LIKE '%{p['pair']}-%'"),
    "08": lambda p: _search(skip=p["skip"]),
    "08b": lambda p: _search("metrics.auc > 0.8", skip=p["skip"]),
    "09": lambda p: _get("runs/get", run_id=run_id(p["row"])),
    "10": lambda p: _search("attributes.run_id IN (" + ", ".join(f"'{run_id(row)}'" for row in p["rows"]) + ")"),
    "11": lambda p: _get("metrics/get-history", run_id=run_id(p["row"]), metric_key=shape.SERIES),
    "12": lambda p: _search(f"metrics.auc > {p['auc']!r}", experiments=[str(p["project"])]),
    "13": lambda p: _versions(f"name = '{p['name']}'"),
    "14": lambda p: _versions(),
    "15": lambda p: _versions(f"tags.team = '{p['team']}' and tags.dataset = '{p['dataset']}'"),
}


def log_runs(server, clients, seconds, example):
    """Create, log in a batch, finish: what a client sends for one run. Figures like wrk's."""
    times, failures = [], []
    ends = time.perf_counter() + seconds

    def client():
        connection = http.client.HTTPConnection("127.0.0.1", server.port)

        def post(path, body):
            connection.request("POST", f"{API}/{path}", json.dumps(body), {"content-type": "application/json"})
            answer = connection.getresponse()
            raw = answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{path}: {answer.status} {raw[:300]}")
            return json.loads(raw)

        try:
            while time.perf_counter() < ends:
                started = time.perf_counter()
                now = int(time.time() * 1000)
                tags = [{"key": key, "value": value} for key, value in example["tags"].items()]
                made = post("runs/create", {"experiment_id": str(peer_load.LOGGING), "run_name": "logged",
                                            "start_time": now, "tags": tags})
                identity = made["run"]["info"]["run_id"]
                post("runs/log-batch", {
                    "run_id": identity,
                    "params": [{"key": key, "value": str(value)} for key, value in example["hyperparameters"].items()],
                    "metrics": [{"key": key, "value": value, "timestamp": now, "step": 0} for key, value in example["metrics"].items()]})
                post("runs/update", {"run_id": identity, "status": "FINISHED", "end_time": now})
                times.append(time.perf_counter() - started)
        except Exception as error:  # a thread's failure must reach the one who waits
            failures.append(error)

    began = time.perf_counter()
    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    took = time.perf_counter() - began
    p50, p95, p99 = (numpy.percentile(times, [50, 95, 99]) * 1000).tolist()
    return {"p50": p50, "p95": p95, "p99": p99, "rps": len(times) / took, "bytes": 0, "requests": len(times)}


def forget_logged(server):
    """Takes what `log_runs` left out again."""
    runs = f"(SELECT run_uuid FROM runs WHERE experiment_id = {peer_load.LOGGING})"
    tables = ["params", "metrics", "latest_metrics", "tags"]
    server.postgres.sql(peer_load.DATABASE, "".join(f"DELETE FROM {table} WHERE run_uuid IN {runs};\n" for table in tables)
                        + f"DELETE FROM runs WHERE experiment_id = {peer_load.LOGGING};")


def logged(server):
    """How many runs and params there are of those that were logged."""
    row = server.postgres.sql(peer_load.DATABASE, f"""
        SELECT (SELECT count(*) FROM runs WHERE experiment_id = {peer_load.LOGGING}),
          (SELECT count(*) FROM params p JOIN runs r USING (run_uuid) WHERE r.experiment_id = {peer_load.LOGGING})""")[0]
    return int(row[0]), int(row[1])
