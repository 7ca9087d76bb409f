"""Write an anomaly detector in Python and run it for a Nunatak server.

    from dataclasses import dataclass
    from nunatak_runner import Detector, hyperparameter

    class Distance(Detector):
        name = "distance"
        ...

`nunatak-runner --plugin module:function` offers what the function returns. docs/python-runner.md walks through it.
"""

from .context import Context
from .detector import Detector, State, hyperparameter
from .errors import ArtifactError, Cancelled, DataError, DetectorError, HyperparameterError, NumericError

__all__ = [
    "ArtifactError",
    "Cancelled",
    "Context",
    "DataError",
    "Detector",
    "DetectorError",
    "HyperparameterError",
    "NumericError",
    "State",
    "hyperparameter",
]

__version__ = "0.1.0"
