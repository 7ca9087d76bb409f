"""Files to tables, and what is refused of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from nunatak_runner import data, preprocessing, text
from nunatak_runner.errors import DataError, DetectorError


def read(directory: Path, content: str, **more: Any) -> data.Table:
    path = directory / "rows.csv"
    path.write_text(content)
    features = more.pop("features", ["a", "b"])
    rows, with_time = more.pop("rows", None), more.pop("with_time", True)
    return data.read(data.Source(str(path), "CSV", features, **more), with_time=with_time, rows=rows)


def test_csv_is_read_as_the_built_in_runner_reads_it(tmp_path: Path) -> None:
    content = "\ufeff b ,label,time,a,note\r\n1,0,1970-01-01 00:00:01,2.5,x\r\nNA,1,1970-01-01T00:00:02Z,-1e3,y\r\n"
    table = read(tmp_path, content, label_column="label", time_column="time")
    assert table.columns == ["a", "b"]
    assert table.values[:, 0].tolist() == [2.5, -1000.0]
    assert table.values[0, 1] == 1.0 and np.isnan(table.values[1, 1])
    assert table.labels.tolist() == [0, 1] and table.time.tolist() == [1000, 2000]
    assert read(tmp_path, content, rows=(1, 1)).values[0, 0] == -1000.0


def test_labels_may_be_names_of_classes(tmp_path: Path) -> None:
    content = "a,b,fault\n1,2,Normal\n1,2,stuck valve\n1,2,None\n"
    assert read(tmp_path, content, label_column="fault").labels.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        ("", "CSV", "the file is empty"),
        ("a,b,label\n1,x,0\n", "CSV", "column `b` has a cell that is not a number"),
        ("a,b,label\n1,2\n", "CSV", "a row has another number of cells than the header"),
        ("a,label\n1,0\n", "CSV", "the header does not have: b"),
        ("a,a,b,label\n1,1,1,0\n", "CSV", "names the column `a` twice"),
        ("a,b,label\n1,2,2\n", "CSV", "no label means that nothing is wrong"),
        ("a,b,label\n1,2,\n", "CSV", "rows without a label"),
        ("a,b,label\n", "DATA", "the table has no rows"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, content: str, code: str, message: str) -> None:
    with pytest.raises(DetectorError, match=message) as caught:
        read(tmp_path, content, label_column="label")
    assert caught.value.code == code
    assert str(tmp_path) not in str(caught.value)


def test_parquet_is_read_by_the_row_groups_that_are_needed(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    moments = pa.array(range(10), pa.timestamp("ms", "UTC"))
    columns = {"a": pa.array([*range(9), None], pa.float64()), "b": pa.array(range(10), pa.int32()), "t": moments}
    pyarrow.parquet.write_table(pa.table(columns), path, row_group_size=3)
    source = data.Source(str(path), "PARQUET", ["b", "a"], time_column="t")
    whole = data.read(source, with_time=True)
    assert whole.values[8].tolist() == [8.0, 8.0] and np.isnan(whole.values[9, 1])
    assert whole.time.tolist() == list(range(10))
    part = data.read(source, with_time=True, rows=(4, 4))
    assert (part.values[:, 0].tolist(), part.time.tolist()) == ([4, 5, 6, 7], [4, 5, 6, 7])
    path.write_bytes(b"PAR1 nothing of the kind")
    with pytest.raises(DataError, match="no Parquet file"):
        data.read(source, with_time=True)


def test_missing_values_are_refused_or_filled_in() -> None:
    X = np.array([[1.0, 10.0], [np.nan, 20.0], [3.0, 60.0]])
    with pytest.raises(DataError, match=r"column `a` has 1 missing value \(NaN\), the first in row 2"):
        preprocessing.Preparation.learn(preprocessing.Options(), X, ["a", "b"], takes_missing=False)
    options = preprocessing.Options("median", scale="min_max")
    learned = preprocessing.Preparation.learn(options, X, ["a", "b"], takes_missing=False)
    found, imputed = learned.apply(X, ["a", "b"])
    assert (found.tolist(), imputed, learned.nullable) == ([[0.0, 0.0], [0.5, 0.2], [1.0, 1.0]], 1, True)
    again = preprocessing.Preparation.from_json(learned.to_json(), 2)
    assert again == learned
    with pytest.raises(DataError, match="cannot cope with missing values"):
        preprocessing.Preparation.learn(preprocessing.Options("keep"), X, ["a", "b"], takes_missing=False)
    with pytest.raises(DataError, match="1 infinite value"):
        learned.apply(np.array([[np.inf, 0.0]]), ["a", "b"])


def test_sentences_for_users_hold_no_paths_tokens_and_rows() -> None:
    found = text.safe_sentence("at /var/lib/x.csv: array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) Bearer abc.def nnk_l_xwc08Spz\nmore")
    assert "/var" not in found and "3.0" not in found and "abc" not in found and "nnk" not in found and "more" not in found
