"""TRAIN, PREDICT and EVALUATE, from files to files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import artifact, data, scoring, training
from ..context import Context, Tell
from ..detector import Detector
from ..errors import DetectorVersionError, UnknownDetectorError
from ..model import Model


@dataclass
class Bench:
    """What lies ready between jobs: the detectors, and the model used last, for the parts of a large prediction."""

    detectors: dict[str, type[Detector]]
    last: tuple[str, Model] | None = field(default=None)

    def model(self, sha256: str, path: str) -> Model:
        if self.last is None or self.last[0] != sha256:
            self.last = None
            self.last = (sha256, Model.load(self.detectors, Path(path)))
        return self.last[1]


def run(bench: Bench, order: dict[str, Any], tell: Tell, cancelled: Callable[[], bool]) -> dict[str, Any]:
    context = Context(tell=tell, cancelled=cancelled)
    return _train(bench, order, context) if order["kind"] == "TRAIN" else _apply(bench, order, context)


def _train(bench: Bench, order: dict[str, Any], context: Context) -> dict[str, Any]:
    kind = bench.detectors.get(order["detector"])
    if kind is None:
        raise UnknownDetectorError(order["detector"], bench.detectors)
    if kind.version != order["version"]:
        # The same seed, data and detector version give the same model: another version will not do.
        asked = order["version"][:60]
        raise DetectorVersionError(f"The job asks for `{kind.name}` {asked}, but this runner has {kind.version}.")
    table = data.read(data.Source.from_json(order["source"]), with_time=kind.input_kind == "SERIES")
    context.tell("log", {"level": "INFO", "message": f"{len(table.values)} rows, {len(table.columns)} columns"})
    path = Path(order["output"])
    trained = training.train(kind, table, order["hyperparameters"], order["seed"], context, path)
    return {
        "artifactFormat": artifact.FORMAT,
        "hyperparameters": trained.hyperparameters,
        "parameters": trained.parameters,
        "metrics": trained.metrics,
        "figures": trained.figures,
        "threshold": trained.threshold,
        "inputSchema": trained.input_schema,
    }


def _apply(bench: Bench, order: dict[str, Any], context: Context) -> dict[str, Any]:
    model = bench.model(order["artifactSha256"], order["artifact"])
    series = model.detector.input_kind == "SERIES"
    rows = None if order["rows"] is None else (order["rows"]["first"], order["rows"]["count"])
    # A series is scored as a whole, whatever part of it is asked for: its rows are judged among their neighbours.
    table = data.read(data.Source.from_json(order["source"]), with_time=series, rows=None if series else rows)
    predicts = order["kind"] == "PREDICT"
    part = rows if series else None
    applied = scoring.apply(model, table, order["threshold"], context, part, explain=predicts)
    if predicts:
        scoring.write(applied, Path(order["output"]))
    return {
        "rowCount": len(applied.scores),
        "anomalyCount": applied.n_anomalies,
        "threshold": applied.threshold,
        "metrics": applied.metrics,
        "figures": applied.figures,
    }
