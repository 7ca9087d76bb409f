"""An estimator of scikit-learn's manner as a detector."""

from __future__ import annotations

import contextlib
import inspect
import warnings
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from ..context import Context
from ..detector import Detector, State
from ..errors import ArtifactError, ArtifactTooLargeError, DataError, HyperparameterError
from ..text import safe_sentence
from . import signatures, snapshot

#: Rows that a version may hold to be fitted again when it is loaded.
MAX_REFIT_BYTES = 256 << 20
_ROWS = "training_rows"


class EstimatorDetector(Detector):
    """What the plug-ins for libraries have in common; a class is made of it for each estimator."""

    estimator: ClassVar[type]
    #: Parameters that the runner sets.
    fixed: ClassVar[dict[str, Any]] = {}

    def __init__(self, hyperparameters: dict[str, Any] | None = None) -> None:
        super().__init__(hyperparameters or {})
        self.fitted: Any = None

    @classmethod
    def hyperparameter_schema(cls) -> dict[str, Any]:
        return signatures.schema_of(cls.estimator)

    @classmethod
    def make(cls, settings: dict[str, Any]) -> EstimatorDetector:
        return cls(settings)

    def fit(self, X: np.ndarray, y: np.ndarray | None = None, *, seed: int, context: Context) -> None:
        context.check_cancelled()
        self.fitted = self._build(seed)
        with _quietly(), _in_words_for_users("learn from"):
            self.fitted.fit(X)

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        with _quietly(), _in_words_for_users("score"):
            return self._scores(X)

    def ways_to_save(self, X: np.ndarray) -> Iterator[State]:
        """The learned numbers where they can be written down, then the rows that it was fitted on."""
        writer = snapshot.Writer()
        with contextlib.suppress(snapshot.NotWritable):
            yield State(data={"fitted": writer.write(self.fitted)}, arrays=writer.arrays())
        if X.nbytes > MAX_REFIT_BYTES:
            raise ArtifactTooLargeError(
                f"`{self.name}` keeps its training rows, and {X.nbytes >> 20} MiB are more than "
                f"{MAX_REFIT_BYTES >> 20} MiB: train on fewer rows, or choose a detector that keeps what it learned"
            )
        yield State(arrays={_ROWS: X})

    def save(self) -> State:
        raise NotImplementedError("`ways_to_save` stands for it")

    def load(self, state: State) -> None:
        if "fitted" in state.data:
            self.fitted = snapshot.Reader(state.arrays).read(state.data["fitted"])
            if type(self.fitted) is not self.estimator:
                raise ArtifactError("it holds another estimator than it says")
            return
        rows = state.arrays.get(_ROWS)
        if rows is None or rows.ndim != 2 or rows.dtype != np.float64 or state.data:
            raise ArtifactError("it holds neither an estimator nor rows to fit one")
        # As in the training, for an estimator that draws from the global generator.
        np.random.seed(self.run_seed & 0xFFFF_FFFF)  # noqa: NPY002
        self.fit(rows, seed=self.run_seed, context=Context())

    def parameters(self) -> dict[str, Any]:
        shown = {}
        for name in ("n_components_", "offset_", "n_iter_", "max_samples_", "n_neighbors_", "support_"):
            value = getattr(self.fitted, name, None)
            value = value.item() if isinstance(value, np.generic) else value
            if isinstance(value, (bool, int, float, str)):
                shown[name] = value
        return shown

    def _build(self, seed: int) -> Any:
        accepted = inspect.signature(self.estimator).parameters
        ours = {"random_state": seed & 0xFFFF_FFFF, "verbose": False} | self.fixed
        ours = {name: value for name, value in ours.items() if name in accepted}
        return self.estimator(**(self.hyperparameters | ours))

    def _scores(self, X: np.ndarray) -> np.ndarray:
        raise NotImplementedError


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """A library's warnings would come with each of the fits of a training."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _in_words_for_users(what: str) -> Iterator[None]:
    """What a library objects to is the data or a setting, not a fault of the runner."""
    try:
        yield
    except (ValueError, np.linalg.LinAlgError) as error:
        if type(error).__name__ == "InvalidParameterError":
            raise HyperparameterError("*", safe_sentence(str(error))) from error
        raise DataError(f"the detector cannot {what} these rows: {safe_sentence(str(error))}") from error


def snake_case(name: str) -> str:
    """`LocalOutlierFactor` as `local_outlier_factor`, `OneClassSVM` as `one_class_svm`, `SGDOneClassSVM` as …"""
    text = ""
    for at, letter in enumerate(name):
        before = name[at - 1] if at else ""
        after = name[at + 1] if at + 1 < len(name) else ""
        if letter.isupper() and before and (before.islower() or before.isdigit() or (before.isupper() and after.islower())):
            text += "_"
        text += letter.lower()
    return text
