"""Against a `nunatak server` in a process of its own: NUNATAK_BINARY names the program."""

from __future__ import annotations

import os

import numpy as np
import pytest
import safetensors.numpy
from real import RealServer, RunnerProcess, wait_for

BINARY = os.environ.get("NUNATAK_BINARY")
pytestmark = pytest.mark.skipif(not BINARY, reason="NUNATAK_BINARY does not name a nunatak program")


def rows(n_rows: int = 200, n_anomalies: int = 10) -> str:
    random = np.random.default_rng(5)
    X = random.normal(size=(n_rows, 3))
    X[:n_anomalies] += 8.0 * random.choice([-1.0, 1.0], size=(n_anomalies, 3))
    lines = [f"{a!r},{b!r},{c!r},{int(at < n_anomalies)}" for at, (a, b, c) in enumerate(X.tolist())]
    return "\n".join(["a,b,c,label", *lines]) + "\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    directory = tmp_path_factory.mktemp("server")
    server = RealServer(str(BINARY), directory)
    server.directory = directory
    yield server
    server.end()


@pytest.fixture(scope="module")
def runner(server: RealServer):
    process = RunnerProcess(server.url, server.runner_token, server.directory)
    yield process
    process.kill()


@pytest.fixture(scope="module")
def dataset(server: RealServer) -> str:
    return server.dataset("pumps", rows(), labelColumn="label")


DETECTORS = ["sklearn_isolation_forest", "pyod_knn", "autoencoder"]


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_training_becomes_a_version_that_predicts_and_is_judged(
    server: RealServer, runner: RunnerProcess, dataset: str, detector: str
) -> None:
    # All libraries are imported first, which takes a busy machine a while.
    wait_for(lambda: "registered" in runner.log.read_text(), 120)
    job = server.job("trainModel", project=server.project, model=detector, detector=detector, dataset=dataset, seed=3)
    version = "version { id threshold inputSchema artifact { sha256 } metrics { key last } figures { name } }"
    trained = server.ended(job, version)
    assert trained["status"] == "SUCCEEDED", trained
    version = trained["version"]
    assert [column["name"] for column in version["inputSchema"]] == ["a", "b", "c"]
    assert {metric["key"]: metric["last"] for metric in version["metrics"]}["roc_auc"] > 0.9
    assert "score_histogram" in {figure["name"] for figure in version["figures"]}

    job = server.job("predict", version=version["id"], dataset=dataset)
    predicted = server.ended(job, "prediction { rowCount anomalyCount threshold scoresUrl }")
    assert predicted["status"] == "SUCCEEDED", predicted
    found = safetensors.numpy.load(server.http("GET", predicted["prediction"]["scoresUrl"]))
    assert found["score"].shape == (200,)
    assert found["label"].sum() == predicted["prediction"]["anomalyCount"] > 0
    scores = "scores(first: 3, onlyAnomalies: true) { nodes { reasons { column } } }"
    page = f'{{ job(id: "{job}") {{ prediction {{ {scores} }} }} }}'
    nodes = server.query(page)["job"]["prediction"]["scores"]["nodes"]
    assert all({reason["column"] for reason in node["reasons"]} <= {"a", "b", "c"} and node["reasons"] for node in nodes)
    assert np.array_equal(found["label"] == 1, found["score"] > version["threshold"])

    job = server.job("evaluate", version=version["id"], dataset=dataset)
    assert server.ended(job)["status"] == "SUCCEEDED"


def test_what_cannot_be_learned_from_fails_with_a_sentence(server: RealServer, runner: RunnerProcess) -> None:
    few = server.dataset("few", "a,b\n1,2\n3,4\n5,7\n")
    given = {"project": server.project, "model": "few", "detector": "pyod_knn", "dataset": few}
    ended = server.ended(server.job("trainModel", **given))
    assert (ended["status"], ended["attempt"], ended["error"]["code"]) == ("FAILED", 1, "DATA"), ended


def test_the_same_seed_gives_the_same_bytes(server: RealServer, runner: RunnerProcess, dataset: str) -> None:
    given = {"project": server.project, "model": "twin", "detector": "sklearn_isolation_forest", "dataset": dataset, "seed": 9}
    jobs = [server.job("trainModel", **given) for _ in range(2)]
    hashes = [server.ended(job, "version { artifact { sha256 } }")["version"]["artifact"]["sha256"] for job in jobs]
    assert hashes[0] == hashes[1]


def test_it_drains_on_sigterm(server: RealServer, runner: RunnerProcess) -> None:
    assert runner.terminate() == 0
