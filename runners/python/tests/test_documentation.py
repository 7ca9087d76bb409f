"""The page's code is run, and what it says is offered is what is offered."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from nunatak_runner import Context, catalogue, cli, scoring, testing, training
from nunatak_runner.model import Model

PAGE = Path(__file__).parents[3] / "docs/python-runner.md"


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page's detector as a file in the working directory."""
    monkeypatch.chdir(tmp_path)
    found = re.search(r"<!-- the file (\S+) -->\n```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    Path(found[1]).write_text(found[2])
    return Path(found[1])


def commands(program: str) -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith(program)]
    return [line.removeprefix(program).split() for line in lines]


def test_the_pages_detector_keeps_its_promises(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (check,) = [command for command in commands("nunatak-runner") if "--check" in command]
    assert cli.main(check) == 0
    title, *lines = capsys.readouterr().out.splitlines()
    assert title == "robust_distance 1.0.0"
    assert [line.split()[0] for line in lines] == ["kept"] * len(testing.PROMISES)


def test_the_pages_detector_is_in_the_catalogue_and_finds_anomalies(written: Path, tmp_path: Path) -> None:
    choice = catalogue.Choice(("robust_distance.py:detectors",), ("robust_distance",))
    detectors = catalogue.load(choice)
    described = catalogue.describe(detectors["robust_distance"])
    power = described["hyperparameterSchema"]["properties"]["power"]
    assert (power["type"], power["default"], power["maximum"]) == ("number", 2.0, 50.0)
    assert described["description"].startswith("The distance of each column")
    told: list[str] = []
    context = Context(tell=lambda kind, values: told.append(kind))
    settings = {"power": 3, "threshold": {"method": "false_alarm_rate"}}
    trained = training.train(detectors["robust_distance"], testing.table(), settings, 7, context, tmp_path / "version")
    assert trained.metrics["roc_auc"] > 0.9 and {"progress", "metric", "log"} <= set(told)
    applied = scoring.apply(Model.load(detectors, tmp_path / "version"), testing.table(), None, Context())
    assert 5 <= applied.n_anomalies <= 25


def test_the_pages_options_are_those_of_the_command() -> None:
    table = set(re.findall(r"`(--[\w-]+)`", "\n".join(re.findall(r"^\| `--.*?\|", PAGE.read_text(), re.MULTILINE))))
    options = set(re.findall(r"--[a-z][\w-]+", cli._parser().format_help()))
    assert table == options - {"--help", "--version"}
    for arguments in commands("nunatak-runner"):
        cli._parser().parse_args(arguments)


def test_the_pages_list_is_what_is_offered() -> None:
    sklearn = pytest.importorskip("sklearn")
    pyod = pytest.importorskip("pyod")
    if not sklearn.__version__.startswith("1.9.") or not pyod.__version__.startswith("3.6."):
        pytest.skip("the page tells of other versions of the libraries")
    listed = PAGE.read_text().split("<!-- offered -->")[1].split("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", listed)) == set(catalogue.load(catalogue.Choice()))


def test_a_detector_that_breaks_its_promises_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    scripted = str(Path(__file__).with_name("scripted.py")) + ":detectors"
    assert cli.main(["--plugin", scripted, "--detector", "ranking", "--check"]) == 1
    told = capsys.readouterr().out
    assert "BROKEN    it says when to choose it, and its settings have defaults: `summary` is empty" in told
    assert "another score than among others" in told
    assert cli.main(["--plugin", scripted, "--detector", "ranking", "--check", "nonesuch"]) == 1
    assert "no detector `nonesuch` here" in capsys.readouterr().err


def test_the_list_can_be_read_by_people_and_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["detectors", "--detector", "autoencoder"]) == 0
    assert "autoencoder" in capsys.readouterr().out
    assert cli.main(["--list", "--detector", "autoencoder"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["input_kind"] == "tabular"


@pytest.mark.parametrize("plugin", ["nonsense", "no_such_module:detectors", "nunatak_runner.testing:table", "json:loads"])
def test_a_plugin_that_cannot_be_used_is_said_at_once(plugin: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["detectors", "--plugin", plugin]) == 1
    assert plugin.partition(":")[0] in capsys.readouterr().err


def test_without_a_token_nothing_starts(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("NUNATAK_TOKEN", raising=False)
    assert cli.main([]) == 1
    assert "NUNATAK_TOKEN" in capsys.readouterr().err
    assert np.isfinite(testing.table().values).all()
