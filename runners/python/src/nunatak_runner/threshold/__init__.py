"""Where normal ends: the threshold, set on scores of rows that the detector did not learn from.

A detector fits the rows that it learns from better than any others, so a threshold set on their scores raises many times
the alarms that were asked for. Here every score comes from a fit that was not given the row. Methods, numbers and names
are those of the built-in runner, so that versions of both can be compared.
"""

from .calibrate import Calibration, calibrate
from .held_out import HeldOut, held_out
from .options import Options

__all__ = ["Calibration", "HeldOut", "Options", "calibrate", "held_out"]
