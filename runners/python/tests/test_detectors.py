"""What is promised of every detector that this machine offers."""

from __future__ import annotations

import json
import struct
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import safetensors

from nunatak_runner import Context, artifact, catalogue, scoring, training
from nunatak_runner.data import Table
from nunatak_runner.detector import Detector
from nunatak_runner.errors import ArtifactError, ArtifactTooLargeError, DetectorError, InputSchemaError, NotReproducibleError
from nunatak_runner.model import Model
from nunatak_runner.plugins import estimator, pyod, sklearn

COLUMNS = ["speed", "heat", "load"]
#: Quick ones: a split is one fit beside the real one.
SETTINGS = {"threshold": {"calibration": "split"}}


@cache
def offered() -> dict[str, type[Detector]]:
    return catalogue.load(catalogue.Choice())


def table(n_rows: int = 120, n_anomalies: int = 6) -> Table:
    random = np.random.default_rng(11)
    values = random.normal(size=(n_rows, 3)) @ np.array([[1.0, 0.4, 0.0], [0.0, 1.0, 0.3], [0.0, 0.0, 1.0]])
    values[:n_anomalies] += random.normal(size=(n_anomalies, 3)) * 6.0 + 3.0
    labels = np.zeros(n_rows, np.uint8)
    labels[:n_anomalies] = 1
    order = random.permutation(n_rows)
    return Table(COLUMNS, values[order], None, labels[order])


NAMES = sorted(offered())
WITH_LIBRARIES = pytest.mark.skipif(len(NAMES) < 5, reason="scikit-learn and PyOD are not installed")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory):
    """The file of a version of each detector, made when it is first asked for."""
    directory = tmp_path_factory.mktemp("versions")

    @cache
    def of(name: str) -> tuple[Path, training.Trained]:
        path = directory / name
        return path, training.train(offered()[name], table(), SETTINGS, 7, Context(), path)

    return of


@WITH_LIBRARIES
def test_the_usual_ones_are_offered_and_the_others_refused_with_a_reason() -> None:
    usual = "isolation_forest local_outlier_factor one_class_svm elliptic_envelope gaussian_mixture kernel_density pca"
    assert {f"sklearn_{name}" for name in usual.split()} <= set(NAMES)
    assert {f"pyod_{name}" for name in "knn lof iforest cblof hbos pca ocsvm mcd".split()} <= set(NAMES)
    refused = catalogue.refused()
    assert not set(refused) & set(NAMES)
    assert {"pyod_ecod", "pyod_sos", "sklearn_sgd_one_class_svm"} <= set(refused)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_described_as_the_server_takes_it(name: str) -> None:
    described = catalogue.describe(offered()[name])
    text = json.dumps(described["hyperparameterSchema"])
    assert len(text) < 64 << 10 and '"$ref"' not in text and '"pattern' not in text
    assert described["summary"] and "\n" not in described["summary"]
    own = set(described["hyperparameterSchema"]["properties"])
    assert not own & {"n_jobs", "random_state", "verbose"}
    assert all("default" in described for described in described["hyperparameterSchema"]["properties"].values())


@pytest.mark.parametrize("name", NAMES)
def test_a_version_scores_as_its_training_did(name: str, trained) -> None:
    path, result = trained(name)
    model = Model.load(offered(), path)
    assert model.header.threshold == result.threshold
    whole = scoring.apply(model, table(), None, Context())
    # Columns go by name, and a tabular row does not know of the others.
    turned = Table(COLUMNS[::-1], table().values[5:25, ::-1], None, None)
    part = scoring.apply(Model.load(offered(), path), turned, None, Context())
    assert np.allclose(part.scores, whole.scores[5:25], rtol=1e-9)
    assert np.array_equal(whole.labels == 1, whole.scores > result.threshold)
    # HDBSCAN takes a handful of anomalies for a cluster of its own.
    assert result.metrics["roc_auc"] > (0.9 if name != "pyod_hdbscan" else 0.0)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_bytes(name: str, trained, tmp_path: Path) -> None:
    path, _ = trained(name)
    training.train(offered()[name], table(), SETTINGS, 7, Context(), tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_hostile_bytes_give_an_error_and_nothing_else(name: str, trained, tmp_path: Path) -> None:
    whole = trained(name)[0].read_bytes()
    random = np.random.default_rng(2)
    # A detector that is fitted again takes a fit for each change of its rows.
    n_changes = 25 if b'"fitted"' in whole or name == "autoencoder" else 4
    damaged = [whole[:length] for length in (0, 7, 100, len(whole) // 2, len(whole) - 1)]
    for _ in range(n_changes):
        changed = bytearray(whole)
        for at in random.integers(8, len(whole), size=3):
            changed[at] = random.integers(0, 256)
        damaged.append(bytes(changed))
    for content in damaged:
        (tmp_path / "hostile").write_bytes(content)
        try:
            model = Model.load(offered(), tmp_path / "hostile")
        except DetectorError:
            continue
        scores = model.detector.decision_function(table().values[:3])
        assert np.shape(scores)[0] == 3


def rewritten(path: Path, target: Path, **changes: object) -> Path:
    """The file with another header."""
    found = artifact.decode(path)
    header = artifact.Header(**(vars(found.header) | changes))
    artifact.encode(artifact.Artifact(header, found.arrays, found.check_rows, found.check_scores), target)
    return target


def test_files_of_others_are_refused(trained, tmp_path: Path) -> None:
    path, _ = trained("autoencoder")
    for changes, message in (
        ({"format": "nunatak.artifact/1"}, "its format is `nunatak.artifact/1`, this runner reads `nunatak.python/1`"),
        ({"detector_version": "2.0.0"}, "another major number"),
        ({"hyperparameters": {"hidden": 0}}, "must be an integer from 1"),
        ({"threshold": "high"}, "out of range"),
        ({"typical": [0.0]}, "typical values are damaged"),
        ({"input_schema": []}, "its input columns are damaged"),
        ({"state": {}}, "a layer is missing"),
        ({"preprocessing": {"impute": "refuse", "fill": [0], "center": [0], "spread": [1]}}, "does not fit its columns"),
    ):
        with pytest.raises(ArtifactError, match=message):
            Model.load(offered(), rewritten(path, tmp_path / "other", **changes))
    with pytest.raises(DetectorError, match="no detector `stranger` here"):
        Model.load(offered(), rewritten(path, tmp_path / "other", detector="stranger"))
    with pytest.raises(InputSchemaError, match="missing: load; not expected: weight"):
        wrong = Table(["speed", "heat", "weight"], table().values, None, None)
        scoring.apply(Model.load(offered(), path), wrong, None, Context())


def test_numbers_that_were_changed_do_not_pass_for_the_version(trained, tmp_path: Path) -> None:
    found = artifact.decode(trained("autoencoder")[0])
    arrays = dict(found.arrays) | {"weight.0": found.arrays["weight.0"] * 1.01}
    artifact.encode(artifact.Artifact(found.header, arrays, found.check_rows, found.check_scores), tmp_path / "changed")
    with pytest.raises(ArtifactError, match="does not give the scores that it says"):
        Model.load(offered(), tmp_path / "changed")


@WITH_LIBRARIES
@pytest.mark.parametrize("field", ["left_child", "feature"])
def test_a_tree_that_leads_astray_is_not_followed(trained, tmp_path: Path, field: str) -> None:
    found = artifact.decode(trained("sklearn_isolation_forest")[0])
    state = json.dumps(found.header.state)
    mark = f'["{field}", '
    at, _ = json.JSONDecoder().raw_decode(state, state.index(mark) + len(mark))
    pool = found.arrays[f"pool.{at['of']}"].copy()
    pool[at["at"]] = 1 << 40
    arrays = dict(found.arrays) | {f"pool.{at['of']}": pool}
    artifact.encode(artifact.Artifact(found.header, arrays, found.check_rows, found.check_scores), tmp_path / "astray")
    with pytest.raises(ArtifactError, match="lead astray"):
        Model.load(offered(), tmp_path / "astray")


@WITH_LIBRARIES
def test_a_file_cannot_ask_for_a_class_of_its_choice(trained, tmp_path: Path) -> None:
    found = artifact.decode(trained("sklearn_gaussian_mixture")[0])
    for name in ("subprocess.Popen", "sklearn.pipeline.Pipeline", "sklearn.svm._classes.OneClassSVM"):
        state = {"fitted": found.header.state["fitted"] | {"class": name}}
        with pytest.raises(ArtifactError, match="not read from files"):
            Model.load(offered(), rewritten(trained("sklearn_gaussian_mixture")[0], tmp_path / "class", state=state))


@WITH_LIBRARIES
def test_missing_values_reach_a_detector_that_can_cope(tmp_path: Path) -> None:
    rows = table()
    rows.values[3, 1] = np.nan
    settings = SETTINGS | {"preprocessing": {"impute": "keep"}}
    kind = offered()["sklearn_isolation_forest"]
    trained = training.train(kind, rows, settings, 7, Context(), tmp_path / "gaps")
    assert trained.input_schema[0] == {"name": "speed", "type": "number", "nullable": True}
    assert len(scoring.apply(Model.load(offered(), tmp_path / "gaps"), rows, None, Context()).scores) == 120
    with pytest.raises(DetectorError, match="cannot cope with missing values"):
        training.train(offered()["pyod_knn"], rows, settings, 7, Context(), tmp_path / "gaps")


def test_reasons_name_the_column_that_is_out_of_place(trained, tmp_path: Path) -> None:
    model = Model.load(offered(), trained("autoencoder")[0])
    rows = Table(COLUMNS, np.zeros((5, 3)), None, None)
    rows.values[3, 1] = 60.0
    applied = scoring.apply(model, rows, None, Context())
    assert applied.reasons is not None and applied.reasons.rows.tolist() == [3]
    assert applied.reasons.column[0, 0] == 1 and applied.reasons.share[0, 0] > 0.5
    assert applied.figures[-1]["name"] == "reasons"
    scoring.write(applied, tmp_path / "scores")
    with safetensors.safe_open(tmp_path / "scores", framework="np") as file:
        assert json.loads(file.metadata()["columns"]) == COLUMNS
        assert [str(file.get_tensor(f"reason_{name}").dtype) for name in ("row", "column", "share")] == [
            "uint64",
            "uint32",
            "float32",
        ]


@WITH_LIBRARIES
def test_there_is_no_pickle_in_any_file(trained) -> None:
    for name in NAMES:
        content = trained(name)[0].read_bytes()
        length = struct.unpack("<Q", content[:8])[0]
        assert set(json.loads(content[8 : 8 + length])["__metadata__"]) == {"nunatak"}
        arrays = artifact.decode(trained(name)[0]).arrays.values()
        assert all(array.dtype.kind in "biuf" for array in arrays)


@WITH_LIBRARIES
def test_rows_that_are_too_many_to_keep_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(estimator, "MAX_REFIT_BYTES", 1000)
    with pytest.raises(ArtifactTooLargeError, match="keeps its training rows"):
        training.train(offered()["pyod_knn"], table(), SETTINGS, 7, Context(), tmp_path / "large")


@WITH_LIBRARIES
def test_a_setting_that_does_not_fit_the_rows_is_the_users(tmp_path: Path) -> None:
    settings = SETTINGS | {"n_neighbors": 500}
    with pytest.raises(DetectorError, match="cannot learn from these rows") as caught:
        training.train(offered()["pyod_knn"], table(), settings, 7, Context(), tmp_path / "many")
    assert caught.value.code == "DATA"


#: Three more need a minute for their compilation alone; they are told apart in the same way.
QUICK = sorted(set(pyod.REFUSED) - {"loci", "rod", "sod"})


@WITH_LIBRARIES
@pytest.mark.parametrize("module", QUICK)
def test_a_reason_to_refuse_is_true(module: str, tmp_path: Path) -> None:
    kind = pyod._made(pyod._classes(module)[0])
    with pytest.raises(DetectorError) as caught:
        training.train(kind, table(50), SETTINGS, 7, Context(), tmp_path / "refused")
    if pyod.REFUSED[module].startswith(pyod._BATCH):
        assert isinstance(caught.value, NotReproducibleError), caught.value


@WITH_LIBRARIES
def test_a_linear_boundary_around_the_origin_is_no_detector(tmp_path: Path) -> None:
    import sklearn as library
    from sklearn.linear_model import SGDOneClassSVM

    kind = sklearn._made(SGDOneClassSVM, "SGDOneClassSVM", library.__version__)
    assert training.train(kind, table(), SETTINGS, 7, Context(), tmp_path / "linear").metrics["roc_auc"] < 0.5


def test_the_autoencoder_learns(tmp_path: Path) -> None:
    losses: list[float] = []

    def tell(kind: str, values: dict) -> None:
        if kind == "metric":
            losses.append(values["value"])

    kind = offered()["autoencoder"]
    training.train(kind, table(), SETTINGS | {"epochs": 20}, 7, Context(tell=tell), tmp_path / "network")
    assert len(losses) == 20, "the fits on parts keep silent"
    assert losses[-1] < losses[0] / 2
