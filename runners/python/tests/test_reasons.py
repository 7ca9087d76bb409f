"""The largest contributions, and which rows are explained; numbers as in the built-in runner."""

from __future__ import annotations

import numpy as np

from nunatak_runner import reasons


def test_the_largest_shares_are_named() -> None:
    column, share = reasons.largest(np.array([[1.0, -5.0, 3.0, 0.0, 0.5], [0.0, -3.0, -1.0, 0.0, 0.0], [0.0] * 5]))
    none = reasons.NONE
    assert column.tolist() == [[2, 0, 4], [1, 2, none], [none] * 3]
    assert np.allclose(share, [[3 / 4.5, 1 / 4.5, 0.5 / 4.5], [0.75, 0.25, 0.0], [0.0] * 3])
    column, _ = reasons.largest(np.array([[1.0, 2.0]]))
    assert column.tolist() == [[1, 0, none]], "fewer columns than places"


def test_the_highest_rows_are_explained() -> None:
    scores = np.array([float(at * 37 % 1000) for at in range(1000)])
    assert len(reasons.rows_to_explain(scores, 899.0, 2)) == 100
    few = reasons.rows_to_explain(scores, 10.0, reasons.MAX_SCORINGS // 5)
    assert scores[few].min() == 995.0 and len(few) == 5 and (np.diff(few) > 0).all()


def test_the_totals_are_mean_shares() -> None:
    column = np.array([[0, 1, reasons.NONE], [1, reasons.NONE, reasons.NONE]], dtype=np.uint32)
    share = np.array([[0.75, 0.25, 0.0], [1.0, 0.0, 0.0]], dtype=np.float32)
    found = reasons.Reasons(["a", "b", "c"], np.array([4, 9]), column, share)
    assert found.totals() == {"b": 0.625, "a": 0.375}
