"""From a dataset's file, CSV or Parquet, to columns of float64."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from . import labels as classes
from . import times
from .errors import CsvError, DataError, UnsupportedFormatError
from .text import listed, shortened

#: What a cell holds that has no value, as the built-in runner takes it.
MISSING = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"]


@dataclass(frozen=True)
class Source:
    """A dataset's file and what its columns are."""

    path: str
    format: str
    feature_columns: list[str]
    time_column: str | None = None
    label_column: str | None = None

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Source:
        return cls(**value)


@dataclass(frozen=True)
class Table:
    """Rows as a detector takes them."""

    columns: list[str]
    #: Shape (n_rows, n_columns), NaN where a value is missing.
    values: np.ndarray
    #: Milliseconds since 1970 (UTC), where they were asked for.
    time: np.ndarray | None = None
    #: 1 for anomalies.
    labels: np.ndarray | None = None

    def rows(self, which: Any) -> Table:
        def part(array: np.ndarray | None) -> np.ndarray | None:
            return None if array is None else array[which]

        return replace(self, values=self.values[which], time=part(self.time), labels=part(self.labels))


def read(source: Source, *, with_time: bool, rows: tuple[int, int] | None = None) -> Table:
    """The table, with times only for series (to others they are nothing), and only `rows` (first, count) if given."""
    kind = source.format.upper()
    time_column = source.time_column if with_time else None
    others = [name for name in (time_column, source.label_column) if name is not None]
    wanted = [*source.feature_columns, *(name for name in others if name not in source.feature_columns)]
    if kind == "CSV":
        table = _slice(_read_csv(source.path, source.feature_columns, wanted), rows)
    elif kind == "PARQUET":
        table = _read_parquet(source.path, wanted, rows)
    else:
        raise UnsupportedFormatError(f"This runner reads CSV and Parquet, but the dataset is in the format {kind[:40]}.")
    if table.num_rows == 0:
        raise DataError("the table has no rows")
    values = np.empty((table.num_rows, len(source.feature_columns)))
    for at, name in enumerate(source.feature_columns):
        values[:, at] = _numbers(table.column(name), name)
    return Table(
        columns=list(source.feature_columns),
        values=values,
        time=None if time_column is None else times.millis(table.column(time_column)),
        labels=None if source.label_column is None else classes.codes(table.column(source.label_column)),
    )


def _slice(table: pa.Table, rows: tuple[int, int] | None) -> pa.Table:
    return table if rows is None else table.slice(*rows)


def _read_csv(path: str, numbers: list[str], wanted: list[str]) -> pa.Table:
    header = _header(path)
    missing = [name for name in wanted if name not in header]
    if missing:
        raise CsvError(f"the header does not have: {listed(missing)}")
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise CsvError(f"the header names the column `{shortened(twice, 100)}` twice")
    kinds = {name: pa.float64() if name in numbers else pa.string() for name in wanted}
    try:
        return pyarrow.csv.read_csv(
            path,
            read_options=pyarrow.csv.ReadOptions(column_names=header, skip_rows=1),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                include_columns=wanted, column_types=kinds, null_values=MISSING, strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        raise CsvError(_why(str(error), header)) from None


def _header(path: str) -> list[str]:
    """The names as the server knows them: trimmed, and without the byte order mark that spreadsheets write."""
    with Path(path).open("rb") as file:
        line = file.readline(1 << 20)
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CsvError("line 1: the text is not UTF-8") from None
    names = next(csv.reader(io.StringIO(text)), [])
    if not any(name.strip() for name in names):
        raise CsvError("the file is empty: expected a header line")
    return [name.strip() for name in names]


def _why(message: str, header: list[str]) -> str:
    """Arrow's message without the cell: it names the column by its place."""
    where = next((part for part in message.split(":") if "column #" in part), "")
    digits = "".join(letter for letter in where.partition("#")[2] if letter.isdigit())
    if digits and int(digits) < len(header):
        return f"column `{shortened(header[int(digits)], 100)}` has a cell that is not a number"
    if "Expected" in message and "columns" in message:
        return f"a row has another number of cells than the header, which has {len(header)}"
    return "the file is not CSV as this runner reads it: UTF-8, commas, as many cells in each row as in the header"


def _read_parquet(path: str, wanted: list[str], rows: tuple[int, int] | None) -> pa.Table:
    """Only the row groups that hold the rows that are asked for."""
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            missing = [name for name in wanted if name not in file.schema_arrow.names]
            if missing:
                raise DataError(f"the file does not have the columns: {listed(missing)}")
            first, count = rows or (0, file.metadata.num_rows)
            groups, before, start = [], None, 0
            for group in range(file.metadata.num_row_groups):
                length = file.metadata.row_group(group).num_rows
                if start < first + count and start + length > first:
                    groups.append(group)
                    before = start if before is None else before
                start += length
            return file.read_row_groups(groups, columns=wanted).slice(first - (before or 0), count)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and not isinstance(error, pa.ArrowException):
            raise
        raise DataError("the file is no Parquet file that this runner can read") from None


def _numbers(column: pa.ChunkedArray, name: str) -> np.ndarray:
    try:
        return column.cast(pa.float64()).to_numpy()
    except pa.ArrowException:
        raise DataError(f"column `{shortened(name, 100)}` does not hold numbers") from None
