"""The way back: from an artefact to something that scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import artifact, environment, scores, settings
from .context import Context
from .data import Table
from .detector import Detector
from .errors import ArtifactError, DetectorError, InputSchemaError, UnknownDetectorError
from .preprocessing import Preparation


@dataclass(frozen=True)
class Model:
    """A version that was loaded and that scores its own sample as it did when it was trained."""

    header: artifact.Header
    detector: Detector
    preparation: Preparation

    @classmethod
    def load(cls, detectors: Mapping[str, type[Detector]], path: Path) -> Model:
        file = artifact.decode(path)
        header = file.header
        kind = detectors.get(header.detector)
        if kind is None:
            raise UnknownDetectorError(header.detector, detectors)
        if major(header.detector_version) != major(kind.version):
            raise ArtifactError(
                f"`{kind.name}` {header.detector_version[:40]} wrote it, and this runner has {kind.version}: "
                "another major number"
            )
        try:
            own = settings.resolve(kind, header.hyperparameters).own
        except DetectorError as error:
            raise ArtifactError(str(error)) from None
        preparation = Preparation.from_json(header.preprocessing, len(header.columns))
        detector = restore(kind, own, file, header.seed)
        return cls(header, detector, preparation)

    def prepared(self, table: Table) -> tuple[np.ndarray, int]:
        """The values as the detector takes them, by name and in the order of training, and how many were filled in."""
        expected = self.header.columns
        if sorted(table.columns) != sorted(expected):
            raise InputSchemaError(expected, table.columns)
        order = [table.columns.index(name) for name in expected]
        in_place = order == list(range(len(order)))
        return self.preparation.apply(table.values if in_place else table.values[:, order], expected)

    def score(self, X: np.ndarray, context: Context) -> np.ndarray:
        return scores.score(self.detector, X, context)


def restore(kind: type[Detector], own: dict, file: artifact.Artifact, seed: int) -> Detector:
    """Loads the state and has it score the sample; a stranger's bytes may make anything of it but a wrong model."""
    n_features = len(file.header.columns)
    if file.check_rows.shape[1] != n_features:
        raise ArtifactError("its sample has another number of columns than it names")
    detector = kind.make(own)
    detector.run_seed = seed
    try:
        detector.load(file.state)
        found = scores.checked(detector.decision_function(file.check_rows), len(file.check_rows))
    except ArtifactError:
        raise
    except Exception:
        raise ArtifactError(_inconsistent(file)) from None
    if not scores.close(found, file.check_scores, file.check_scores):
        raise ArtifactError(_inconsistent(file))
    return detector


def _inconsistent(file: artifact.Artifact) -> str:
    changed = environment.differences(file.header.environment)
    why = f"since its training, {changed}; train again" if changed else "it is damaged, or was made by other means"
    return f"what it holds does not give the scores that it says: {why}"


def major(version: str) -> str:
    return version.split(".")[0]
