"""Times as people write them, as milliseconds since 1970-01-01 UTC."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from .errors import DataError

#: Numbers from this magnitude on are milliseconds, below it seconds: as seconds it would be the year 5138.
MILLISECONDS_FROM = 1e11
#: Beyond, a double no longer holds whole milliseconds.
_LAST = 9.0e15


def millis(column: pa.ChunkedArray) -> np.ndarray:
    """Of a column of timestamps, of numbers (seconds, or milliseconds from 1e11 on) or of texts."""
    if column.null_count:
        raise DataError("the time column has rows without a time")
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("ms", column.type.tz), safe=False).cast(pa.int64()).to_numpy()
    if pa.types.is_date(column.type):
        return column.cast(pa.timestamp("ms")).cast(pa.int64()).to_numpy()
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        return _of_numbers(column.cast(pa.float64()).to_numpy())
    try:
        return _of_numbers(column.cast(pa.float64()).to_numpy())
    except pa.ArrowException:
        return np.array([_of_text(text) for text in column.to_pylist()], dtype=np.int64)


def _of_numbers(numbers: np.ndarray) -> np.ndarray:
    found = np.where(np.abs(numbers) >= MILLISECONDS_FROM, numbers, numbers * 1000.0)
    if not (np.abs(found) < _LAST).all():
        raise DataError("the time column has a number that is no time")
    return np.round(found).astype(np.int64)


def _of_text(text: object) -> int:
    try:
        moment = datetime.fromisoformat(str(text).strip().replace("/", "-"))
    except ValueError:
        raise DataError("the time column has a cell that is no time: write 2026-01-31 12:00:00 or RFC 3339") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)
