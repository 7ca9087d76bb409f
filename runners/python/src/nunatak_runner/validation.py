"""Settings against their schema: defaults filled in, limits applied, nothing unknown. Detectors only ever see these."""

from __future__ import annotations

import math
from typing import Any

from .errors import HyperparameterError

_KINDS = {
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "string": "a text",
    "array": "a list",
    "object": "an object",
}
_LIMITS = (
    ("minimum", "from", lambda value, limit: value >= limit),
    ("exclusiveMinimum", "greater than", lambda value, limit: value > limit),
    ("maximum", "to", lambda value, limit: value <= limit),
    ("exclusiveMaximum", "less than", lambda value, limit: value < limit),
)


class _Refused(Exception):
    """One alternative does not fit."""


def resolve(schema: dict[str, Any], given: Any) -> dict[str, Any]:
    """The full set: what was given, and the schema's defaults for the rest.

    The server has checked a training's settings already; those in an artefact's header may be anybody's.
    """
    if given is None:
        given = {}
    if not isinstance(given, dict):
        raise HyperparameterError("*", "hyperparameters must be a JSON object")
    return _object("", schema, given)


def _object(path: str, schema: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties", {})
    for name in given:
        if name not in properties:
            known = ", ".join(properties)
            raise HyperparameterError(f"{path}{name[:100]}", f"there is no such hyperparameter; known are {known}")
    checked = {}
    for name, described in properties.items():
        if name not in given and "default" not in described:
            if name in schema.get("required", []):
                raise HyperparameterError(f"{path}{name}", "has no default: give it a value")
            continue
        value = given.get(name, described.get("default"))
        try:
            checked[name] = _value(f"{path}{name}", described, value)
        except _Refused:
            message = f"must be {permitted(described)}, not {str(value)[:60]}"
            raise HyperparameterError(f"{path}{name}", message) from None
    return checked


def _value(name: str, schema: dict[str, Any], value: Any) -> Any:
    if "anyOf" in schema:
        for alternative in schema["anyOf"]:
            # 0.5 of the rows and 1 row are different things: a number with a point is never taken for a whole one.
            if isinstance(value, float) and types_of(alternative) == ["integer"]:
                continue
            try:
                return _value(name, alternative, value)
            except _Refused:
                continue
        raise _Refused
    kinds = types_of(schema)
    if "enum" in schema:
        if not any(value == word and isinstance(value, bool) == isinstance(word, bool) for word in schema["enum"]):
            raise _Refused
        return value
    if value is None:
        if "null" in kinds or not kinds:
            return None
        raise _Refused
    if isinstance(value, bool):
        return _if(value, "boolean" in kinds or not kinds)
    if isinstance(value, str):
        return _if(value, "string" in kinds or not kinds)
    if isinstance(value, dict):
        if "object" not in kinds:
            raise _Refused
        return _object(f"{name}.", schema, value) if "properties" in schema else value
    if isinstance(value, list):
        if "array" not in kinds or len(value) > schema.get("maxItems", len(value)):
            raise _Refused
        return [_value(f"{name}.{at}", schema.get("items", {}), item) for at, item in enumerate(value)]
    return _number(schema, kinds, value)


def _number(schema: dict[str, Any], kinds: list[str], value: float) -> float:
    if not math.isfinite(value) or not (set(kinds) & {"integer", "number"} or not kinds):
        raise _Refused
    if "number" not in kinds and "integer" in kinds:
        if value != int(value):
            raise _Refused
        value = int(value)
    elif "integer" not in kinds:
        value = float(value)
    for keyword, _, holds in _LIMITS:
        if keyword in schema and not holds(value, schema[keyword]):
            raise _Refused
    return value


def _if(value: Any, holds: bool) -> Any:
    if not holds:
        raise _Refused
    return value


def types_of(schema: dict[str, Any]) -> list[str]:
    kind = schema.get("type", [])
    return [kind] if isinstance(kind, str) else list(kind)


def permitted(schema: dict[str, Any]) -> str:
    """ "an integer from 1 to 10000, or null"."""
    if "anyOf" in schema:
        return " or ".join(permitted(alternative) for alternative in schema["anyOf"])
    if "enum" in schema:
        return "one of " + ", ".join("null" if word is None else str(word) for word in schema["enum"])
    kinds = types_of(schema)
    text = " or ".join(_KINDS[kind] for kind in kinds if kind != "null") or "null"
    for keyword, word, _ in _LIMITS:
        if keyword in schema:
            text += f" {word} {schema[keyword]}"
    return text + (", or null" if "null" in kinds and kinds != ["null"] else "")
