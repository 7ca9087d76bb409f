"""Hyperparameters as JSON Schema, and settings against it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from nunatak_runner import Detector, HyperparameterError, hyperparameter, schema, settings, validation
from nunatak_runner.plugins import docstrings, signatures
from nunatak_runner.plugins.estimator import snake_case


@dataclass
class Inner:
    rate: float = hyperparameter(0.5, exclusive_minimum=0.0)


@dataclass
class Chosen:
    n_neighbors: int = hyperparameter(5, "How many.", minimum=1, maximum=100)
    p: float | None = None
    method: Literal["largest", "mean"] = "largest"
    whiten: bool = False
    sizes: list[int] = field(default_factory=lambda: [1, 2])
    inner: Inner = field(default_factory=Inner)


PROPERTIES = {
    "n_neighbors": {"type": "integer", "default": 5, "minimum": 1, "maximum": 100, "description": "How many."},
    "p": {"type": ["number", "null"], "default": None},
    "method": {"type": "string", "enum": ["largest", "mean"], "default": "largest"},
    "whiten": {"type": "boolean", "default": False},
    "sizes": {"type": "array", "items": {"type": "integer"}, "maxItems": 1000, "default": [1, 2]},
}


def test_a_dataclass_becomes_a_schema_and_comes_back() -> None:
    found = schema.of_model(Chosen)
    assert found["additionalProperties"] is False
    assert {name: found["properties"][name] for name in PROPERTIES} == PROPERTIES
    inner = found["properties"]["inner"]
    assert (inner["default"], inner["properties"]["rate"]["exclusiveMinimum"]) == ({"rate": 0.5}, 0.0)
    made = schema.build(Chosen, validation.resolve(found, {"n_neighbors": 7.0, "inner": {"rate": 1}}))
    assert (made.n_neighbors, made.inner, made.sizes) == (7, Inner(1.0), [1, 2])
    assert isinstance(made.n_neighbors, int)


def test_a_pydantic_model_becomes_a_schema_without_references() -> None:
    pydantic = pytest.importorskip("pydantic")

    class Part(pydantic.BaseModel):
        rate: float = 0.5

    class Model(pydantic.BaseModel):
        k: int = pydantic.Field(5, ge=1, le=9, description="How many.")
        p: float | None = None
        title: Literal["a", "b"] = "a"
        part: Part = Part()

    found = schema.of_model(Model)
    assert "$ref" not in str(found) and "$defs" not in str(found)
    assert found["properties"]["k"] == {
        "type": "integer",
        "default": 5,
        "minimum": 1,
        "maximum": 9,
        "description": "How many.",
    }
    assert found["properties"]["p"] == {"type": ["number", "null"], "default": None}
    assert found["properties"]["title"]["enum"] == ["a", "b"]
    assert schema.build(Model, validation.resolve(found, {"k": 3})).k == 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n_neighbors": 0}, "hyperparameter `n_neighbors`: must be an integer from 1 to 100, not 0"),
        ({"n_neighbors": 1.5}, "hyperparameter `n_neighbors`: must be an integer from 1 to 100, not 1.5"),
        ({"n_neighbors": True}, "hyperparameter `n_neighbors`: must be an integer from 1 to 100, not True"),
        ({"n_neighbors": None}, "hyperparameter `n_neighbors`: must be an integer from 1 to 100, not None"),
        ({"p": "x"}, "hyperparameter `p`: must be a number, or null, not x"),
        ({"method": "median"}, "hyperparameter `method`: must be one of largest, mean, not median"),
        ({"inner": {"rate": 0}}, "hyperparameter `inner.rate`: must be a number greater than 0.0, not 0"),
        ({"k": 1}, "hyperparameter `k`: there is no such hyperparameter; known are n_neighbors, p, method"),
        ([1], "hyperparameter `*`: hyperparameters must be a JSON object"),
    ],
)
def test_messages_say_what_is_permitted(given: Any, message: str) -> None:
    with pytest.raises(HyperparameterError) as caught:
        validation.resolve(schema.of_model(Chosen), given)
    assert str(caught.value).startswith(message)


def test_every_detector_has_contamination_threshold_and_preprocessing() -> None:
    class Mine(Detector):
        name = "mine"

        @dataclass
        class Hyperparameters:
            k: int = 3

    full = settings.full_schema(Mine)["properties"]
    assert list(full) == ["contamination", "threshold", "preprocessing", "k"]
    chosen = settings.resolve(Mine, {"threshold": {"method": "mad"}, "k": 4})
    assert (chosen.threshold.method, chosen.threshold.folds, chosen.own) == ("mad", 5, {"k": 4})

    class Twice(Detector):
        name = "twice"

        @dataclass
        class Hyperparameters:
            contamination: float = 0.2

    with pytest.raises(TypeError, match="contamination"):
        settings.full_schema(Twice)


class Documented:
    """Something.

    Parameters
    ----------
    n_things : int, optional (default=10)
        The number of things.

    method : str, optional (default='fast')
        {'fast', 'slow'}

        - 'fast': in a hurry

    share : int or float, optional (default='auto')
        How many, or which part.

    callback : callable, optional (default=None)
        A function.

    Attributes
    ----------
    things_ : list
    """

    def __init__(self, n_things=10, method="fast", share="auto", callback=None, n_jobs=1, gamma=0.5, flag=True) -> None: ...


def test_signatures_become_schemas() -> None:
    found = signatures.schema_of(Documented)["properties"]
    assert set(found) == {"n_things", "method", "share", "gamma", "flag"}, "no callables, no threads"
    assert found["n_things"]["description"] == "The number of things."
    assert (found["n_things"]["type"], found["n_things"]["minimum"], found["n_things"]["default"]) == ("integer", 1, 10)
    assert found["method"]["enum"] == ["fast", "slow"]
    words, whole, part = found["share"]["anyOf"]
    assert (words["enum"], whole["minimum"], part["exclusiveMaximum"]) == (["auto"], 1, 1.0)
    assert docstrings.summary(Documented) == "Something."


def test_a_share_and_a_count_are_told_apart() -> None:
    described = {"type": "object", "properties": {"share": signatures.schema_of(Documented)["properties"]["share"]}}
    assert validation.resolve(described, {"share": 0.5}) == {"share": 0.5}
    assert validation.resolve(described, {"share": 2}) == {"share": 2}
    for wrong in (1.0, 0, "all"):
        with pytest.raises(HyperparameterError):
            validation.resolve(described, {"share": wrong})


def test_names_are_snake_case() -> None:
    names = ["LocalOutlierFactor", "OneClassSVM", "SGDOneClassSVM", "PCA", "EllipticEnvelope"]
    assert [snake_case(name) for name in names] == [
        "local_outlier_factor",
        "one_class_svm",
        "sgd_one_class_svm",
        "pca",
        "elliptic_envelope",
    ]
