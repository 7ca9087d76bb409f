"""Stories of a runner and its server, told to a scripted one."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import safetensors.numpy
from fake import LOST, NAMES, OLD, ROWS, FakeServer, RunningWorker
from real import RunnerProcess, wait_for

from nunatak_runner.worker.crew import Refused

#: Arguments that have the command offer the scripted detectors, and only these.
ALONE = ["--plugin", str(Path(__file__).with_name("scripted.py")) + ":detectors"]
ALONE += [word for name in NAMES for word in ("--detector", name)]


@pytest.fixture
def server() -> Iterator[FakeServer]:
    server = FakeServer()
    yield server
    server.close()


@pytest.fixture
def start(server: FakeServer, tmp_path: Path) -> Iterator[Any]:
    """Starts the worker when the test says so, and ends it with the test."""
    started: list[RunningWorker] = []

    def now(at: FakeServer = server, **options: Any) -> RunningWorker:
        started.append(RunningWorker(at, tmp_path, **options))
        return started[-1]

    yield now
    for worker in started:
        worker.end()


def metric(result: dict[str, Any], key: str) -> float:
    return next(metric["value"] for metric in result["metrics"] if metric["key"] == key)


def test_a_training_becomes_a_version(server: FakeServer, start: Any) -> None:
    start(concurrency=2, labels=("gpu",))
    server.give("TRAIN", "middle")
    done = server.called("CompleteJob")
    registered = server.called("RegisterRunner")
    assert (registered["name"], registered["labels"], registered["capacity"]) == ("test", ["gpu"], 2)
    assert "middle" in {detector["name"] for detector in registered["detectors"]}
    assert set(server.tokens("ClaimJob")) == {"runner-token"}
    assert server.tokens("CompleteJob") == ["job-token"]
    assert server.called("CreateUpload")["project"] == "prj_1"
    train = done["result"]["train"]
    assert (done["job"], done["attempt"], train["artifactUpload"]) == ("job_1", 1, "0")
    assert train["artifactFormat"] == "nunatak.python/1"
    assert train["inputSchema"] == [{"name": "x", "type": "number"}], "`y` is no feature column"
    assert train["hyperparameters"] == {"contamination": 0.1, "threshold": None, "preprocessing": None}
    assert train["parameters"]["n_features_in"] == 1
    assert metric(train, "roc_auc") == 1.0
    assert {figure["name"] for figure in train["figures"]} >= {"score_histogram", "roc_curve"}
    assert "mean_" in train["parameters"]


def test_a_prediction_keeps_scores_and_an_evaluation_only_metrics(server: FakeServer, start: Any) -> None:
    start()
    server.give("TRAIN", "middle")
    server.called("CompleteJob")
    model = bytes(server.uploads[0])
    server.give("PREDICT", "middle", model, threshold=80.0)
    predict = server.called("CompleteJob", 2)["result"]["predict"]
    assert (predict["rowCount"], predict["anomalyCount"], predict["threshold"]) == (11, 1, 80.0)
    found = safetensors.numpy.load(bytes(server.uploads[1]))
    assert found["label"].tolist() == [0] * 10 + [1]
    assert (found["score"].dtype, found["label"].dtype) == (np.float64, np.uint8)
    server.give("EVALUATE", "middle", model)
    assert metric(server.called("CompleteJob", 3)["result"]["evaluate"], "roc_auc") == 1.0
    assert len(server.uploads) == 2
    assert [given for name, _, given in server.calls if name == "GET"] == ["rows.csv", "model"], "the cache serves the rest"


def test_a_part_of_a_prediction_has_the_rows_that_were_asked_for(server: FakeServer, start: Any) -> None:
    start()
    server.give("TRAIN", "level")
    server.called("CompleteJob")
    model = bytes(server.uploads[0])
    server.give("PREDICT", "level", model)
    server.called("CompleteJob", 2)
    server.give("PREDICT", "level", model, rows={"first": 8, "count": 3})
    assert server.called("CompleteJob", 3)["result"]["predict"]["rowCount"] == 3
    whole, part = (safetensors.numpy.load(bytes(server.uploads[at]))["score"] for at in (1, 2))
    assert part.tolist() == whole[8:11].tolist(), "a series' rows are judged among their neighbours"


def test_a_parquet_dataset_is_read_as_the_same_rows(server: FakeServer, start: Any) -> None:
    start()
    file = io.BytesIO()
    columns = {"x": [1.0, 2, 3, 2, 1, 3, 2, 1, 2, 3, 99], "anomaly": [0] * 10 + [1]}
    pyarrow.parquet.write_table(pa.table(columns), file, row_group_size=4)
    dataset = server._file("rows.parquet", file.getvalue()) | {"format": "PARQUET"}
    server.give("TRAIN", "middle", dataset=dataset)
    server.give("TRAIN", "middle", job="job_2")
    server.called("CompleteJob", 2)
    assert server.uploads[0] == server.uploads[1]
    server.give("PREDICT", "middle", bytes(server.uploads[0]), dataset=dataset, rows={"first": 6, "count": 5})
    server.called("CompleteJob", 3)
    assert len(safetensors.numpy.load(bytes(server.uploads[2]))["score"]) == 5


def test_metrics_logs_and_progress_are_seen_while_it_runs(server: FakeServer, start: Any) -> None:
    start()
    server.give("TRAIN", "talkative", hyperparameters={"epochs": 4})
    train = server.called("CompleteJob")["result"]["train"]
    lines = [line for name, _, given in server.calls if name == "ReportLogs" for line in given["lines"]]
    assert [(line["level"], line["message"]) for line in lines if "rows" not in line["message"]] == [
        ("INFO", "printed"),
        ("WARN", "a warning"),
    ]
    offsets = [(given["offset"], len(given["lines"])) for name, _, given in server.calls if name == "ReportLogs"]
    assert all(at == sum(count for _, count in offsets[:place]) for place, (at, _) in enumerate(offsets))
    live = [metric for name, _, given in server.calls if name == "ReportProgress" for metric in given.get("metrics", [])]
    losses = [{"key": "loss", "value": 1 / (step + 1), "step": step} for step in range(4)]
    assert [metric for metric in live if metric["key"] == "loss"] == losses
    assert {"key": "odd", "special": "NAN", "step": 0} in live
    assert [metric for metric in train["metrics"] if metric["key"] == "loss"] == losses, "the version keeps them"


def test_a_server_of_before_is_served_with_what_it_knows(start: Any) -> None:
    old = FakeServer(OLD)
    start(old)
    old.give("TRAIN", "talkative")
    train = old.called("CompleteJob")["result"]["train"]
    assert "capacity" not in old.called("RegisterRunner")
    assert old.count("ReportLogs") == 0
    assert not any("metrics" in given for name, _, given in old.calls if name == "ReportProgress")
    assert not any("waitSeconds" in given for name, _, given in old.calls if name == "Heartbeat")
    assert [metric["step"] for metric in train["metrics"] if metric["key"] == "loss"] == [0, 1, 2]
    old.close()


@pytest.mark.parametrize("detector", ["attentive", "deaf"])
def test_a_cancelled_job_stops_within_a_second(server: FakeServer, start: Any, detector: str) -> None:
    start()
    server.give("TRAIN", detector)
    server.called("ReportProgress")
    asked = time.monotonic()
    server.turn(beat="cancel")
    failed = server.called("FailJob")
    took = time.monotonic() - asked
    assert (failed["code"], failed["retryable"]) == ("CANCELLED", False)
    # The promise is a second; the rest is for a machine that does other things as well.
    assert took < 3.0
    server.turn(beat="fine")
    server.give("TRAIN", "middle")
    server.called("CompleteJob")


def test_a_lost_lease_drops_the_work_and_nothing_is_said(server: FakeServer, start: Any) -> None:
    start()
    server.give("TRAIN", "deaf")
    server.called("ReportProgress")
    server.turn(beat="lost")
    server.until(lambda: server.count("ClaimJob") >= 2)
    server.turn(beat="fine")
    server.give("TRAIN", "middle")
    server.called("CompleteJob")
    assert server.count("FailJob") == 0


def test_an_expired_token_ends_the_attempt_and_not_the_runner(server: FakeServer, start: Any) -> None:
    start()
    server.give("TRAIN", "deaf")
    server.called("ReportProgress")
    server.turn(refused={"job-token"})
    server.until(lambda: server.count("ClaimJob") >= 2)
    server.turn(refused=set())
    server.give("TRAIN", "middle")
    server.called("CompleteJob")
    assert server.count("FailJob") == 0


def test_a_fresh_token_is_used_from_then_on(server: FakeServer, start: Any) -> None:
    start()
    server.give("TRAIN", "slow")
    server.called("ReportProgress")
    server.turn(fresh="second-token")
    server.called("CompleteJob")
    assert server.tokens("CompleteJob") == ["second-token"]


def test_a_runner_that_is_not_wanted_ends(server: FakeServer, start: Any) -> None:
    server.turn(refused={"runner-token"})
    worker = start()
    worker._thread.join(20)
    assert isinstance(worker.error, Refused)


@pytest.mark.parametrize(
    ("detector", "code", "retryable"),
    [("crashing", "CRASHED", False), ("hungry", "KILLED", True), ("faulty", "DETECTOR_FAULT", False)],
)
def test_a_detector_that_goes_down_takes_nothing_with_it(
    server: FakeServer, start: Any, detector: str, code: str, retryable: bool
) -> None:
    start()
    server.give("TRAIN", detector)
    failed = server.called("FailJob")
    assert (failed["code"], failed["retryable"]) == (code, retryable)
    assert "/home" not in failed["message"] and "1.25" not in failed["message"], failed["message"]
    server.give("TRAIN", "middle")
    server.called("CompleteJob")


def test_scores_that_depend_on_the_rows_beside_are_refused(server: FakeServer, start: Any) -> None:
    start()
    server.give("TRAIN", "ranking")
    assert server.called("FailJob")["code"] == "NOT_REPRODUCIBLE"


def test_what_a_job_asks_wrongly_is_a_sentence_for_its_user(server: FakeServer, start: Any) -> None:
    start()
    server.give("TRAIN", "nonesuch")
    assert server.called("FailJob")["code"] == "UNKNOWN_DETECTOR"
    server.give("PREDICT", "middle", b"no model at all, but long enough to be looked at")
    assert server.called("FailJob", 2)["code"] == "ARTIFACT"
    server.give("TRAIN", "middle", csv="x,anomaly\n1,0\n,0\n")
    failed = server.called("FailJob", 3)
    assert (failed["code"], failed["retryable"]) == ("DATA", False)
    assert "column `x` has 1 missing value" in failed["message"]
    server.give("TRAIN", "middle", dataset={"format": "ARROW"})
    assert server.called("FailJob", 4)["code"] == "UNSUPPORTED_FORMAT"


def test_data_that_does_not_match_its_checksum_is_worth_another_try(server: FakeServer, start: Any) -> None:
    start()
    server.give("TRAIN", "middle", dataset={"sha256": "0" * 64})
    failed = server.called("FailJob")
    assert (failed["code"], failed["retryable"]) == ("CHECKSUM", True)


def test_it_waits_for_its_server_and_works_through_an_outage(server: FakeServer, start: Any) -> None:
    server.turn(down=True)
    start()
    server.until(lambda: server.count("503") >= 2)
    server.turn(down=False)
    server.give("TRAIN", "slow")
    server.called("ReportProgress")
    before = server.count("503")
    server.turn(down=True)
    server.until(lambda: server.count("503") >= before + 2)
    server.turn(down=False)
    server.called("CompleteJob")
    assert server.count("FailJob") == 0


def test_a_broken_upload_goes_on_where_it_broke(server: FakeServer, start: Any) -> None:
    server.turn(break_uploads=1)
    start()
    server.give("TRAIN", "middle")
    server.called("CompleteJob")
    server.give("PREDICT", "middle", bytes(server.uploads[0]))
    assert server.called("CompleteJob", 2)["result"]["predict"]["rowCount"] == 11
    assert server.count("Upload") == 1, "it asked how much was there"


def test_a_broken_download_goes_on_where_it_broke(server: FakeServer, start: Any) -> None:
    server.turn(break_downloads=1)
    start()
    server.give("TRAIN", "middle", csv=ROWS + "2,0,0\n" * 1000)
    server.called("CompleteJob")
    assert (server.count("GET"), server.count("FailJob")) == (2, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux ends the process")
def test_a_runner_that_is_killed_leaves_nothing_running_and_starts_again(server: FakeServer, tmp_path: Path) -> None:
    process = RunnerProcess(server.url, "runner-token", tmp_path, *ALONE, name="killed")
    server.give("TRAIN", "deaf")
    server.called("ReportProgress")
    children = Path(f"/proc/{process.process.pid}/task/{process.process.pid}/children").read_text().split()
    process.kill()
    assert children
    wait_for(lambda: not any(Path(f"/proc/{child}/cmdline").exists() for child in children))
    again = RunnerProcess(server.url, "runner-token", tmp_path, *ALONE, name="again")
    try:
        server.give("TRAIN", "middle")
        server.called("CompleteJob")
    finally:
        again.kill()
    left = [path.name for path in (tmp_path / "cache").glob("python-0/.nunatak-*")]
    assert left == []


def test_a_delivery_whose_answer_was_lost_is_repeated_as_it_was(server: FakeServer, start: Any) -> None:
    start()
    server.turn(lose={"CompleteJob"})
    server.give("TRAIN", "middle")
    assert server.called("CompleteJob", 2) == server.called("CompleteJob", 1)
    server.until(lambda: server.count("ClaimJob") >= 2)
    assert (server.count("FailJob"), server.count("CreateUpload")) == (0, 1)


def test_a_delivery_that_came_too_late_is_dropped(server: FakeServer, start: Any) -> None:
    start()
    server.turn(instead={"CompleteJob": [{"userErrors": LOST}]})
    server.give("TRAIN", "middle")
    server.called("CompleteJob")
    server.give("TRAIN", "middle", job="job_2")
    assert server.called("CompleteJob", 2)["job"] == "job_2"
    assert server.count("FailJob") == 0


def test_a_claim_whose_answer_was_lost_is_not_asked_for_again_at_once(server: FakeServer, start: Any) -> None:
    """The job goes to whoever asks when its lease has run out; a second claim would take a second job."""
    server.turn(lose={"ClaimJob"})
    server.give("TRAIN", "middle")
    start()
    server.until(lambda: server.count("ClaimJob") >= 2)
    server.give("TRAIN", "middle", job="job_2")
    assert server.called("CompleteJob")["job"] == "job_2"


def test_a_server_with_a_new_database_is_registered_at_again(server: FakeServer, start: Any) -> None:
    unknown = {"userErrors": [{"code": "NOT_FOUND", "message": "There is no such runner.", "path": ["runner"]}]}
    server.turn(instead={"ClaimJob": [unknown]})
    start()
    server.called("RegisterRunner", 2)
    server.give("TRAIN", "middle")
    server.called("CompleteJob")


def test_a_shutdown_lets_a_running_job_finish(server: FakeServer, start: Any) -> None:
    worker = start()
    server.give("TRAIN", "slow")
    server.called("ReportProgress")
    worker.end()
    assert (server.count("CompleteJob"), server.count("FailJob")) == (1, 0)
    assert server.called("DrainRunner") == {"runner": "run_1"}


def test_a_shutdown_gives_back_what_does_not_finish_in_time(server: FakeServer, start: Any) -> None:
    worker = start(drain=0.2)
    server.give("TRAIN", "deaf")
    server.called("ReportProgress")
    worker.end()
    failed = server.called("FailJob")
    assert (failed["code"], failed["retryable"]) == ("RUNNER_SHUTDOWN", True)


def test_the_command_drains_on_sigterm(server: FakeServer, tmp_path: Path) -> None:
    process = RunnerProcess(server.url, "runner-token", tmp_path, *ALONE, "--label", "gpu", name="command")
    try:
        server.give("TRAIN", "slow")
        server.called("ReportProgress")
        assert process.terminate() == 0
    finally:
        process.kill()
    assert (server.count("CompleteJob"), server.count("FailJob")) == (1, 0)
    assert "runner-token" not in process.log.read_text() and "job-token" not in process.log.read_text()


def test_several_jobs_run_at_once(server: FakeServer, start: Any) -> None:
    worker = start(concurrency=2, drain=0.0)
    server.give("TRAIN", "deaf")
    server.give("TRAIN", "middle", job="job_2")
    assert server.called("CompleteJob")["job"] == "job_2"
    worker.end()
    assert server.called("FailJob")["code"] == "RUNNER_SHUTDOWN"
