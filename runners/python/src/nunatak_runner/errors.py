"""Why a detector cannot be trained, loaded or applied. Each message is a sentence for the user who asked for the job."""

from __future__ import annotations

from collections.abc import Iterable

from .text import listed


class DetectorError(Exception):
    """The base of all that goes to the user: `code` is stable, the message says what to do.

    Detectors may raise any of these. The message must name no path, no token and no row.
    """

    code = "DETECTOR"
    #: Whether another attempt could end better.
    retryable = False


class CsvError(DetectorError):
    """The file is malformed. The message says the row and column."""

    code = "CSV"


class DataError(DetectorError):
    """The table cannot be used as it is: too few rows, no feature, missing or infinite values."""

    code = "DATA"


class HyperparameterError(DetectorError):
    """A hyperparameter is unknown, of the wrong type or out of range."""

    code = "HYPERPARAMETER"

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"hyperparameter `{name}`: {message}")


class InputSchemaError(DetectorError):
    """The columns to score are not those that the version was trained on."""

    code = "INPUT_SCHEMA"

    def __init__(self, expected: list[str], got: list[str]) -> None:
        faults = []
        for names, what in ((expected, got), "missing"), ((got, expected), "not expected"):
            odd = [name for name in names[0] if name not in set(names[1])]
            if odd:
                faults.append(f"{what}: {listed(odd)}")
        super().__init__(
            f"the version expects {len(expected)} columns [{listed(expected)}] but got {len(got)} [{listed(got)}]: "
            + "; ".join(faults)
        )


class ArtifactError(DetectorError):
    """The artefact is damaged, of another format, or inconsistent."""

    code = "ARTIFACT"

    def __init__(self, message: str) -> None:
        super().__init__(f"the artefact cannot be used: {message}")


class ArtifactTooLargeError(DetectorError):
    """What would have to be kept is more than an artefact may hold."""

    code = "ARTIFACT_TOO_LARGE"


class NotReproducibleError(DetectorError):
    """The detector's scores change from one call to the next, or with the rows beside a row: nothing to register."""

    code = "NOT_REPRODUCIBLE"


class UnknownDetectorError(DetectorError):
    """No detector of that name is offered by this runner."""

    code = "UNKNOWN_DETECTOR"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"no detector `{name[:100]}` here; this runner has: {listed(sorted(known))}")


class DetectorVersionError(DetectorError):
    """The job asks for another version of the detector than this runner has."""

    code = "DETECTOR_VERSION"
    retryable = True


class UnsupportedFormatError(DetectorError):
    """The dataset is in a format that this runner does not read."""

    code = "UNSUPPORTED_FORMAT"


class NumericError(DetectorError):
    """The arithmetic broke down: a score or a learned number was not finite."""

    code = "NUMERIC"


class Cancelled(BaseException):
    """The job is to stop. Not an `Exception`, so that a detector's `except Exception` does not swallow it."""
