"""The file of a version: safetensors, with a JSON header. It holds numbers and text, never code.

`nunatak.python/1`: arrays under `state.<name>` (what the detector learned) and `check.rows`, `check.scores` (a few rows as
the detector sees them, with their scores: whoever loads the file can tell whether it still gives the same), and under the
key `nunatak` of the metadata the `Header` as JSON.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from .detector import State
from .errors import ArtifactError, ArtifactTooLargeError, NumericError
from .text import shortened

FORMAT = "nunatak.python/1"
#: The key of our header in the file's metadata.
METADATA_KEY = "nunatak"
#: Headers of real versions have kilobytes; the parser's memory is some ten times the text.
MAX_HEADER_BYTES = 16 << 20
#: More is no model but a data set.
MAX_BYTES = 1 << 30


@dataclass(frozen=True)
class Header:
    """What a reader can know without the arrays."""

    detector: str
    detector_version: str
    #: `{name, type, nullable}` of each column that rows to score must have.
    input_schema: list[dict[str, Any]]
    #: All of them, defaults filled in.
    hyperparameters: dict[str, Any]
    seed: int
    preprocessing: dict[str, Any]
    #: A row is an anomaly when its score is greater.
    threshold: float
    contamination: float
    calibration: dict[str, Any]
    trained_rows: int
    #: The median of each column as the detector sees it, over the training rows.
    typical: list[float]
    #: Versions of Python and of the libraries that the scores depend on.
    environment: dict[str, str]
    #: The JSON part of the detector's state.
    state: dict[str, Any]
    format: str = FORMAT

    @property
    def columns(self) -> list[str]:
        return [column["name"] for column in self.input_schema]


@dataclass(frozen=True)
class Artifact:
    """A version's file, decoded; not yet checked against its detector."""

    header: Header
    arrays: Mapping[str, np.ndarray]
    check_rows: np.ndarray
    check_scores: np.ndarray

    @property
    def state(self) -> State:
        return State(dict(self.arrays), dict(self.header.state))


def encode(artifact: Artifact, path: Path) -> None:
    """Writes the file. Equal artefacts have equal bytes."""
    arrays = {f"state.{name}": array for name, array in artifact.arrays.items()}
    arrays |= {"check.rows": artifact.check_rows, "check.scores": artifact.check_scores}
    size = sum(array.nbytes for array in arrays.values())
    if size > MAX_BYTES:
        raise ArtifactTooLargeError(f"the version would have {size >> 20} MiB; {MAX_BYTES >> 20} MiB is the most")
    try:
        header = json.dumps(asdict(artifact.header), allow_nan=False, sort_keys=True)
    except ValueError:
        raise NumericError("a learned number is not finite") from None
    if len(header) > MAX_HEADER_BYTES:
        raise ArtifactTooLargeError("what the detector learned besides arrays has more than 16 MiB")
    contiguous = {name: np.ascontiguousarray(array) for name, array in sorted(arrays.items())}
    safetensors.numpy.save_file(contiguous, path, metadata={METADATA_KEY: header})


def decode(path: Path) -> Artifact:
    """Reads a file, from any bytes whatever: damaged or hostile ones give an error and nothing else."""
    size = path.stat().st_size
    if size > MAX_BYTES + MAX_HEADER_BYTES:
        raise ArtifactError(f"it has {size >> 20} MiB, more than {MAX_BYTES >> 20}")
    _check_length(path, size)
    arrays: dict[str, np.ndarray] = {}
    try:
        with safetensors.safe_open(path, framework="np") as file:
            text = (file.metadata() or {}).get(METADATA_KEY)
            for name in file.keys():  # noqa: SIM118 (it is no mapping)
                arrays[name] = file.get_tensor(name)
    except (safetensors.SafetensorError, ValueError, TypeError, KeyError, AttributeError, MemoryError):
        raise ArtifactError("it is cut short, damaged or no safetensors file") from None
    if text is None:
        raise ArtifactError("it is a safetensors file but not one of Nunatak's")
    header = _header(text)
    check_rows, check_scores = arrays.pop("check.rows", None), arrays.pop("check.scores", None)
    _check_sample(check_rows, check_scores)
    if not all(name.startswith("state.") for name in arrays):
        raise ArtifactError("it holds an array of no known use")
    state = {name.removeprefix("state."): array for name, array in arrays.items()}
    return Artifact(header, state, check_rows, check_scores)


def _check_length(path: Path, size: int) -> None:
    """Before the library allocates what a damaged length asks for."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if size < 10 or length > size - 8:
        raise ArtifactError("it is cut short or no safetensors file")
    if length > MAX_HEADER_BYTES * 2:
        raise ArtifactError("its header is too long")


def _header(text: str) -> Header:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise ArtifactError("its description is damaged") from None
    if not isinstance(value, dict):
        raise ArtifactError("its description is damaged")
    found = value.get("format")
    if found != FORMAT:
        raise ArtifactError(f"its format is `{shortened(str(found), 60)}`, this runner reads `{FORMAT}`")
    names = {field.name for field in fields(Header)}
    if set(value) != names:
        raise ArtifactError("its description lacks something or has too much")
    header = Header(**value)
    _check_header(header)
    return header


def _check_header(header: Header) -> None:
    columns = header.input_schema
    named = (
        isinstance(columns, list)
        and columns
        and all(
            isinstance(column, dict) and isinstance(column.get("name"), str) and column.get("type") == "number"
            for column in columns
        )
    )
    if not named or len({column["name"] for column in columns}) < len(columns):
        raise ArtifactError("its input columns are damaged")
    kinds = ((str, "detector"), (str, "detector_version"), (dict, "hyperparameters"), (dict, "state"), (int, "seed"))
    if not all(isinstance(getattr(header, name), kind) for kind, name in kinds):
        raise ArtifactError("its description is damaged")
    typical = header.typical if isinstance(header.typical, list) else []
    if len(typical) != len(columns):
        raise ArtifactError("its typical values are damaged")
    numbers = (header.threshold, header.contamination, *typical)
    if not all(isinstance(number, (int, float)) and math.isfinite(number) for number in numbers):
        raise ArtifactError("its threshold, contamination or typical values are out of range")
    if not isinstance(header.environment, dict) or not -(2**63) <= header.seed < 2**64:
        raise ArtifactError("its description is damaged")


def _check_sample(rows: np.ndarray | None, scores: np.ndarray | None) -> None:
    whole = rows is not None and scores is not None and rows.ndim == 2 and scores.shape == rows.shape[:1]
    if not whole or rows.dtype != np.float64 or scores.dtype != np.float64 or not len(scores) or len(scores) > 10_000:
        raise ArtifactError("its sample of rows and scores is damaged")
