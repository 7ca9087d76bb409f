"""Thresholds, metrics and figures, against numbers that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nunatak_runner import Context, HyperparameterError, figures, metrics, threshold
from nunatak_runner.threshold import HeldOut, Options
from nunatak_runner.threshold.tail import Upper


def exponential(n: int) -> np.ndarray:
    """The middle quantiles of a standard exponential distribution."""
    return -np.log(1.0 - (np.arange(n) + 0.5) / n)


def test_the_conformal_rank_is_exact() -> None:
    upper = Upper(np.arange(1.0, 100.0))
    assert (upper.threshold(0.05), upper.threshold(0.01), upper.rate(95.0)) == (95.0, 99.0, 0.05)
    assert upper.threshold(0.001) > 99.0


def test_the_tail_of_an_exponential_is_found() -> None:
    upper = Upper(exponential(1000))
    assert upper.tail is not None and abs(upper.tail.shape) < 0.1
    for rate in (0.05, 0.01, 1e-4):
        assert upper.extrapolated(rate) == pytest.approx(-math.log(rate), rel=0.15)
    for scores in ([2.0] * 50, [1.0, 3.0], [4.0]):
        assert Upper(np.array(scores)).threshold(1e-3) == max(scores)


def test_every_row_is_scored_by_a_fit_that_did_not_see_it() -> None:
    seen: list[tuple[set[int], set[int]]] = []

    def fit_and_score(learn: np.ndarray, score: np.ndarray, _: Context) -> np.ndarray:
        seen.append((set(learn.tolist()), set(score.tolist())))
        return score.astype(float)

    held = threshold.held_out(103, fit_and_score, Options(), Context(), is_series=False)
    assert held is not None and held.source == "cross_fit"
    assert held.rows.tolist() == list(range(103)) and held.scores.tolist() == list(range(103))
    assert len(seen) == 5 and all(not learn & score and len(learn | score) == 103 for learn, score in seen)
    held = threshold.held_out(100, fit_and_score, Options(calibration="split"), Context(), is_series=False)
    assert held is not None and (held.source, held.rows.tolist()) == ("split", list(range(80, 100)))
    held = threshold.held_out(100, fit_and_score, Options(), Context(), is_series=True)
    assert held is not None and held.rows.tolist() == [*range(20), *range(80, 100)], "the ends of a series"
    assert threshold.held_out(19, fit_and_score, Options(), Context(), is_series=False) is None


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (Options(), 89.1),
        (Options("quantile", quantile=0.5), 49.5),
        (Options("false_alarm_rate", false_alarm_rate=0.05), 95.0),
        (Options("mad", factor=1.0), 49.5 + 1.482602218505602 * 25.0),
        (Options("best_f1"), 94.0),
        (Options("cost", miss_cost=100.0), 94.0),
    ],
)
def test_methods(options: Options, expected: float) -> None:
    scores = np.arange(100.0)
    labels = (scores >= 95).astype(np.uint8) if options.method in ("best_f1", "cost") else None
    held = HeldOut(np.arange(100), scores, "cross_fit")
    limit, calibration = threshold.calibrate(options, 0.1, held, scores, labels)
    assert limit == pytest.approx(expected)
    rates = [rate for rate, _ in calibration.curve]
    assert (calibration.method, calibration.n_rows) == (options.method, 100)
    assert rates == sorted(rates, reverse=True) and rates[-1] == pytest.approx(1e-6)


def test_training_scores_are_never_trusted_alone() -> None:
    training = np.linspace(0.0, 1.0, 100)
    held = HeldOut(np.arange(100), training + 0.5, "cross_fit")
    limit, calibration = threshold.calibrate(Options(), 0.1, held, training, None)
    assert limit == pytest.approx(1.4)
    assert calibration.expected_false_alarm_rate == pytest.approx(11 / 101)
    with pytest.raises(HyperparameterError, match="need labels"):
        threshold.calibrate(Options("best_f1"), 0.1, held, training, None)


def test_metrics_are_those_of_scikit_learn() -> None:
    reference = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(3)
    labels = (random.random(200) < 0.2).astype(np.uint8)
    scores = np.round(random.normal(size=200) + labels, 1)
    found = metrics.evaluate(scores, labels, 0.7)
    assert found["roc_auc"] == pytest.approx(reference.roc_auc_score(labels, scores))
    assert found["average_precision"] == pytest.approx(reference.average_precision_score(labels, scores))
    flagged = scores > 0.7
    for name, function in (
        ("precision", reference.precision_score),
        ("recall", reference.recall_score),
        ("f1", reference.f1_score),
    ):
        assert found[name] == pytest.approx(function(labels, flagged))
    assert found["best_f1"] == pytest.approx(reference.f1_score(labels, scores > found["best_f1_threshold"]))
    assert set(metrics.evaluate(scores, np.zeros(200, np.uint8), 99.0)) == set(), "nothing is defined"


def test_figures_are_bounded_and_hold_their_peaks() -> None:
    scores = np.random.default_rng(1).normal(size=20_000)
    scores[1234] = 50.0
    labels = (np.arange(20_000) % 50 == 0).astype(np.uint8)
    found = figures.of_scores(scores, labels, 2.0, series=True, time=None)
    assert [figure["name"] for figure in found] == ["score_histogram", "roc_curve", "precision_recall_curve", "score_series"]
    for figure in found:
        spec = figure["spec"]
        values = (spec.get("data") or spec["layer"][0]["data"])["values"]
        assert len(values) <= figures.MAX_POINTS
    assert any(value["score"] == 50.0 and value["x"] == 1235 for value in values)
    assert figures.score_histogram(np.ones(2), None, 1.0)["spec"]["layer"][0]["data"]["values"][0]["rows"] == 2
