"""What a user can ask of the threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

METHODS = ("contamination", "false_alarm_rate", "quantile", "mad", "pot", "best_f1", "cost")


@dataclass(frozen=True)
class Options:
    """The hyperparameter `threshold`."""

    method: str = "contamination"
    false_alarm_rate: float = 0.01
    quantile: float = 0.99
    factor: float = 3.0
    false_alarm_cost: float = 1.0
    miss_cost: float = 10.0
    calibration: str = "auto"
    folds: int = 5


def schema() -> dict[str, Any]:
    default = Options()

    def number(name: str, description: str, **limits: float) -> dict[str, Any]:
        return {"type": "number", "default": getattr(default, name), **limits, "description": description}

    return {
        "type": ["object", "null"],
        "default": None,
        "additionalProperties": False,
        "description": "How the threshold is set, on scores of rows that were held back from the fit. Null: by "
        "`contamination`.",
        "properties": {
            "method": {
                "type": "string",
                "default": default.method,
                "enum": list(METHODS),
                "description": "contamination: that fraction of rows exceeds it. false_alarm_rate: that fraction of "
                "normal rows does. quantile: of the scores. mad: median + factor x 1.4826 x MAD. pot: peaks over "
                "threshold, for rates below one in the number of rows. best_f1 and cost: by labels.",
            },
            "false_alarm_rate": number(
                "false_alarm_rate",
                "Fraction of normal rows that may exceed the threshold.",
                exclusiveMinimum=0.0,
                maximum=0.5,
            ),
            "quantile": number("quantile", "For `quantile`.", minimum=0.5, exclusiveMaximum=1.0),
            "factor": number("factor", "For `mad`: how many robust standard deviations.", minimum=0.0, maximum=1000.0),
            "false_alarm_cost": number("false_alarm_cost", "For `cost`: of one false alarm.", minimum=0.0),
            "miss_cost": number("miss_cost", "For `cost`: of one missed anomaly.", minimum=0.0),
            "calibration": {
                "type": "string",
                "default": default.calibration,
                "enum": ["auto", "cross_fit", "split"],
                "description": "cross_fit: every row is scored by a fit on other rows, which takes `folds` more fits. "
                "split: a fifth of the rows, at most 50 000, is held back from one more fit. auto: cross_fit up to "
                "20 000 rows (100 000 of a series), else split. Either way the version is fitted on all rows.",
            },
            "folds": {
                "type": "integer",
                "default": default.folds,
                "minimum": 2,
                "maximum": 20,
                "description": "Parts for `cross_fit`: stretches of the rows as they come.",
            },
        },
    }
