"""The column of labels: 0 and 1, or names of classes of which some mean that nothing is wrong."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .errors import CsvError

#: Classes of these names, in any case, mean that nothing is wrong.
NORMAL = frozenset(["0", "normal", "none", "ok", "healthy", "no", "false"])
#: More are no classes but measurements or remarks.
MAX_CLASSES = 100
#: `None` is no gap here but the class without a fault.
_MISSING = frozenset(["", "NA", "N/A", "NaN", "nan", "null", "NULL"])


def codes(column: pa.ChunkedArray) -> np.ndarray:
    """1 for each row whose class is a fault, else 0."""
    if column.null_count:
        raise CsvError("the label column has rows without a label")
    found = pc.dictionary_encode(column.combine_chunks())
    found = found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
    names = [_name(value) for value in found.dictionary.to_pylist()]
    if len(set(names)) > MAX_CLASSES:
        raise CsvError(f"the label column has {len(set(names))} classes; there may be {MAX_CLASSES}")
    if any(name in _MISSING for name in names):
        raise CsvError("the label column has rows without a label: 0 (normal), 1 (anomaly) or the name of a class")
    if not set(names) <= {"0", "1"} and not any(name.lower() in NORMAL for name in names):
        raise CsvError("no label means that nothing is wrong: one must be " + ", ".join(sorted(NORMAL)))
    faults = np.array([name.lower() not in NORMAL for name in names], dtype=np.uint8)
    return faults[found.indices.to_numpy(zero_copy_only=False)]


def _name(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, (int, float)) and value in (0, 1):
        return str(int(value))
    return str(value).strip() if str(value).strip() not in ("0.0", "1.0") else str(value).strip()[0]
