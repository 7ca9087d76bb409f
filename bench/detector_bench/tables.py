"""The tables, as raw files that both sides read."""
import os
import pathlib
from dataclasses import dataclass

import numpy

from _common import BENCH, ROOT

N_RANDOM_FEATURES = 10


@dataclass(frozen=True)
class Table:
    name: str
    path: pathlib.Path
    rows: int
    n_features: int
    labels: pathlib.Path | None = None

    @property
    def bytes(self):
        return self.rows * self.n_features * 8

    def task(self):
        found = {"table": str(self.path), "n_features": self.n_features}
        return found | ({"labels": str(self.labels)} if self.labels else {})

    def of_most(self, most_rows):
        """Evenly spaced rows of this table."""
        if most_rows is None or self.rows <= most_rows:
            return self
        chosen = numpy.linspace(0, self.rows - 1, most_rows).astype(int)
        values = numpy.fromfile(self.path).reshape(-1, self.n_features)[chosen]
        labels = numpy.fromfile(self.labels, dtype=numpy.uint8)[chosen] if self.labels else None
        return write(f"{self.name}, {most_rows:,} rows", values, labels)


def write(name, values, labels=None):
    directory = BENCH / "detectors-tables"
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}.f64"
    numpy.ascontiguousarray(values).tofile(path)
    if labels is not None:
        labels.astype(numpy.uint8).tofile(path.with_suffix(".labels"))
    return Table(name, path, *values.shape, path.with_suffix(".labels") if labels is not None else None)


def named(name):
    """A labelled table: one of `examples/data`, or of those that the tests take from beside the repository."""
    outside = pathlib.Path(os.environ.get("NUNATAK_REFERENCE_DIR", ROOT.parent / "shared")) / "data" / "tabular"
    for directory in (ROOT / "examples" / "data", outside):
        if (directory / f"{name}.csv").exists():
            values = numpy.loadtxt(directory / f"{name}.csv", delimiter=",", skiprows=1)
            return write(name, values[:, :-1], values[:, -1])
    raise SystemExit(f"there is no table {name}.csv in examples/data, nor in {outside}")


def series():
    """The bundled machine temperature."""
    columns = (1, 2)
    file = ROOT / "examples" / "data" / "machine_temperature_system_failure.csv"
    values = numpy.loadtxt(file, delimiter=",", skiprows=1, usecols=columns)
    return write("machine temperature", values[:, :1], values[:, 1])


def random(rows):
    """The same every time: four clusters of correlated features, and one row in a hundred far from all of them."""
    rng = numpy.random.default_rng(0)
    centres = rng.normal(size=(4, N_RANDOM_FEATURES)) * 4
    mixing = rng.normal(size=(N_RANDOM_FEATURES, N_RANDOM_FEATURES)) / numpy.sqrt(N_RANDOM_FEATURES)
    labels = rng.random(rows) < 0.01
    values = rng.normal(size=(rows, N_RANDOM_FEATURES)) @ mixing
    values += centres[rng.integers(4, size=rows)]
    values[labels] = rng.uniform(-12, 12, size=(int(labels.sum()), N_RANDOM_FEATURES))
    return write(f"random {rows:,} x {N_RANDOM_FEATURES}", values, labels)
