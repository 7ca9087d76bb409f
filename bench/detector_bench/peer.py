"""Times one peer on one table, as `examples/detectors.rs` times ours: a task as JSON in, a line of JSON out.

A process of its own, so that memory and threads are its own.
"""
import json
import math
import os
import sys
import time
import warnings

import numpy

# As in `examples/detectors.rs`.
SAMPLE_SECONDS = 0.05
PATIENCE_SECONDS = 3.0
SINGLE_ROWS = 500
FEW_ROWS = 500


class Peer:
    """`model` has been given no data yet; `score` is higher where a row is more anomalous."""

    def __init__(self, model, score=None, scaled=True):
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        self.model = make_pipeline(StandardScaler(), model) if scaled else model
        self.scores = score or (lambda model, rows: model.decision_function(rows))

    def fit(self, rows, labels):
        return self.model.fit(rows, labels)

    def score(self, fitted, rows):
        return self.scores(fitted, rows)


class Windows(Peer):
    """A tabular peer on the windows of a series of one column."""

    def __init__(self, model, window):
        super().__init__(model, scaled=False)
        self.window = window

    def windows(self, rows):
        return numpy.lib.stride_tricks.sliding_window_view((rows[:, 0] - rows.mean()) / rows.std(), self.window).copy()

    def fit(self, rows, labels):
        return self.model.fit(self.windows(rows))

    def score(self, fitted, rows):
        scores = self.scores(fitted, self.windows(rows))
        sums = numpy.convolve(scores, numpy.ones(self.window))
        return sums / numpy.convolve(numpy.ones(len(scores)), numpy.ones(self.window))


class Profile:
    """stumpy compares all windows with all at once: that is its scoring, and there is nothing to fit."""

    def __init__(self, window):
        import stumpy

        self.window, self.stump = window, stumpy.stump
        # Compiled before the clock runs.
        self.stump(numpy.random.default_rng(0).random(4 * window), window)

    def fit(self, rows, labels):
        return None

    def score(self, fitted, rows):
        profile = self.stump(rows[:, 0], self.window)[:, 0].astype(float)
        sums = numpy.convolve(profile, numpy.ones(self.window))
        return sums / numpy.convolve(numpy.ones(len(profile)), numpy.ones(self.window))


class Stream:
    """River learns and scores one row at a time, each a dict."""

    def __init__(self, make):
        self.make = make

    def fit(self, rows, labels):
        scaled = (rows - rows.min(axis=0)) / (rows.max(axis=0) - rows.min(axis=0))
        self.dicts = [dict(enumerate(row)) for row in scaled.tolist()]
        model = self.make()
        for row in self.dicts:
            model.learn_one(row)
        return model

    def score(self, model, rows):
        found = []
        for row in self.dicts:
            found.append(model.score_one(row))
            model.learn_one(row)
        return numpy.array(found)


def peer(task):
    """Imports only what this peer needs: its memory counts."""
    name, given, threads, width = task["pair"], task["hyperparameters"], task["threads"], task["n_features"]
    jobs = {"n_jobs": threads}
    if name == "isolation_forest":
        from sklearn.ensemble import IsolationForest
        return Peer(IsolationForest(**given, random_state=0, **jobs), lambda model, rows: -model.score_samples(rows), scaled=False)
    if name == "knn":
        from pyod.models.knn import KNN
        return Peer(KNN(**given, **jobs))
    if name == "lof":
        from pyod.models.lof import LOF
        return Peer(LOF(**given, **jobs))
    if name == "pca":
        from pyod.models.pca import PCA
        return Peer(PCA(random_state=0), scaled=False)  # it standardises of itself
    if name == "mahalanobis":
        from sklearn.covariance import EmpiricalCovariance
        return Peer(EmpiricalCovariance(), lambda model, rows: model[-1].mahalanobis(model[:-1].transform(rows)))
    if name == "mcd":
        from pyod.models.mcd import MCD
        return Peer(MCD(random_state=0))
    if name == "ecod":
        from pyod.models.ecod import ECOD
        return Peer(ECOD(**jobs), scaled=False)
    if name == "copod":
        from pyod.models.copod import COPOD
        return Peer(COPOD(**jobs), scaled=False)
    if name == "hbos":
        from pyod.models.hbos import HBOS
        return Peer(HBOS(**given))
    if name in ("gaussian_mixture", "gaussian_mixture_4"):
        from pyod.models.gmm import GMM
        return Peer(GMM(**given, random_state=0))
    if name == "one_class_svm":
        from pyod.models.ocsvm import OCSVM
        return Peer(OCSVM())
    if name == "sgd_one_class_svm":
        from sklearn.kernel_approximation import Nystroem
        from sklearn.linear_model import SGDOneClassSVM
        from sklearn.pipeline import make_pipeline
        kernel = Nystroem(gamma=1 / width, n_components=given["n_components"], random_state=0, **jobs)
        return Peer(make_pipeline(kernel, SGDOneClassSVM(nu=0.5, random_state=0)), lambda model, rows: -model.decision_function(rows))
    if name == "inne":
        from pyod.models.inne import INNE
        return Peer(INNE(**given, random_state=0))
    if name == "kmeans":
        from sklearn.cluster import KMeans
        return Peer(KMeans(**given, random_state=0), lambda model, rows: model.transform(rows).min(axis=1))
    if name == "cblof":
        from pyod.models.cblof import CBLOF
        return Peer(CBLOF(**given, random_state=0, **jobs))
    if name == "loda":
        from pyod.models.loda import LODA
        return Peer(LODA(**given))
    if name in ("decision_tree", "random_forest", "gaussian_nb"):
        return Peer(classifier(name, given, jobs), lambda model, rows: model.predict_proba(rows)[:, 1], scaled=False)
    if name == "sub_knn":
        from pyod.models.knn import KNN
        return Windows(KNN(n_neighbors=given["n_neighbors"], **jobs), given["window"])
    if name == "matrix_profile":
        return Profile(given["window"])
    if name == "half_space_trees":
        from river.anomaly import HalfSpaceTrees
        return Stream(lambda: HalfSpaceTrees(n_trees=given["n_trees"], height=given["height"], window_size=given["window_size"], seed=0))
    sys.exit(f"{name} has no peer")


def classifier(name, given, jobs):
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.naive_bayes import GaussianNB
    from sklearn.tree import DecisionTreeClassifier

    if name == "random_forest":
        return RandomForestClassifier(**given, random_state=0, **jobs)
    return DecisionTreeClassifier(random_state=0) if name == "decision_tree" else GaussianNB()


def measure(repeats, step):
    """The seconds of `step`, and what it returned the first time; see `measure` in `examples/detectors.rs`."""
    forget_peak()
    began, cpu_before = time.perf_counter(), time.process_time()
    first = step()
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu_before
    seconds = {"wall": [], "cpu": [], "peak": resident("VmHWM")}
    if wall > PATIENCE_SECONDS:
        return seconds | {"wall": [wall], "cpu": [cpu]}, first
    loops = max(1, math.ceil(SAMPLE_SECONDS / wall))
    while len(seconds["wall"]) < repeats and (not seconds["wall"] or time.perf_counter() - began < PATIENCE_SECONDS):
        started, cpu_before = time.perf_counter(), time.process_time()
        for _ in range(loops):
            step()
        seconds["wall"].append((time.perf_counter() - started) / loops)
        seconds["cpu"].append((time.process_time() - cpu_before) / loops)
    return seconds, first


def forget_peak():
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass  # then the peak is that of the whole run


def resident(line):
    with open("/proc/self/status") as status:
        found = next(text for text in status if text.startswith(line + ":"))
    return int(found.split()[1]) * 1024


def read(task):
    few = task.get("rows")
    values = numpy.fromfile(task["table"], count=few * task["n_features"] if few else -1)
    rows = values.reshape(-1, task["n_features"])
    labels = numpy.fromfile(task["labels"], dtype=numpy.uint8)[: len(rows)] if task.get("labels") else None
    return rows, labels


def prepare(task):
    """Has a few rows scored, so that what a peer imports or compiles late counts neither as time nor as memory."""
    rows, labels = read(task | {"rows": FEW_ROWS})
    try:
        other = peer(task)
        other.score(other.fit(rows, labels), rows)
    except (ValueError, IndexError):
        pass  # few rows may be of one class, or too alike


def single_rows(other, fitted, rows):
    """Latency of one row, each scored once."""
    chosen = rows[:: math.ceil(len(rows) / SINGLE_ROWS)]
    other.score(fitted, chosen[:1])
    seconds = []
    for row in range(len(chosen)):
        started = time.perf_counter()
        other.score(fitted, chosen[row:row + 1])
        seconds.append(time.perf_counter() - started)
    p50, p99 = numpy.percentile(seconds, [50, 99]).tolist()
    return {"p50": p50, "p99": p99, "rows": len(chosen)}


def main():
    warnings.simplefilter("ignore")
    task = json.loads(sys.argv[1])
    os.environ.setdefault("NUMBA_NUM_THREADS", str(task["threads"]))
    prepare(task)
    other = peer(task)
    before = resident("VmRSS")
    rows, labels = read(task)
    if task.get("row"):
        print(json.dumps(single_rows(other, other.fit(rows, labels), rows)))
        return
    fit, fitted = measure(task["repeats"], lambda: other.fit(rows, labels))
    score, scores = measure(task["repeats"], lambda: other.score(fitted, rows))
    auc = None
    if labels is not None and labels.any() and numpy.isfinite(scores).all():
        from sklearn.metrics import roc_auc_score
        auc = roc_auc_score(labels, scores)
    print(json.dumps({"fit": fit, "score": score, "roc_auc": auc, "data_bytes": rows.nbytes, "before_bytes": before}))


if __name__ == "__main__":
    main()
