"""Hyperparameters as a JSON Schema: from a dataclass or a pydantic model, in the words that the server checks."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any, Literal, Union

from .errors import HyperparameterError
from .text import safe_sentence

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}


def of_model(model: type) -> dict[str, Any]:
    """The schema of a dataclass or pydantic model: an object that permits nothing unknown."""
    if dataclasses.is_dataclass(model):
        return _of_dataclass(model)
    if hasattr(model, "model_json_schema"):
        return _of_pydantic(model)
    raise TypeError(f"{model.__qualname__} must be a dataclass or a pydantic model")


def build(model: type, settings: dict[str, Any]) -> Any:
    """An instance of the model with checked settings."""
    if not dataclasses.is_dataclass(model):
        try:
            return model.model_validate(settings)
        except ValueError as error:
            where = error.errors()[0] if hasattr(error, "errors") else {"loc": ("*",), "msg": str(error)}
            name = ".".join(str(part) for part in where["loc"]) or "*"
            raise HyperparameterError(name, safe_sentence(where["msg"])) from error
    hints = typing.get_type_hints(model)
    values = {}
    for field in dataclasses.fields(model):
        if field.name in settings:
            value, kind = settings[field.name], hints[field.name]
            nested = dataclasses.is_dataclass(kind) and isinstance(value, dict)
            values[field.name] = build(kind, value) if nested else value
    return model(**values)


def object_of(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    found = {"$schema": DIALECT, "type": "object", "additionalProperties": False, "properties": properties}
    return found | ({"required": required} if required else {})


def _of_dataclass(model: type) -> dict[str, Any]:
    hints = typing.get_type_hints(model)
    properties, required = {}, []
    for field in dataclasses.fields(model):
        described = _of_type(hints[field.name], f"{model.__qualname__}.{field.name}") | dict(field.metadata)
        if field.default is not dataclasses.MISSING:
            described["default"] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
            described["default"] = dataclasses.asdict(default) if dataclasses.is_dataclass(default) else default
        else:
            required.append(field.name)
        properties[field.name] = described
    return object_of(properties, required)


def _of_type(hint: Any, where: str) -> dict[str, Any]:
    origin = typing.get_origin(hint)
    if hint in _TYPES:
        return {"type": _TYPES[hint]}
    if origin is Literal:
        words = list(typing.get_args(hint))
        kinds = sorted({_TYPES[type(word)] for word in words})
        return {"type": kinds[0] if len(kinds) == 1 else kinds, "enum": words}
    if origin in (Union, types.UnionType):
        return _merged([_of_type(part, where) for part in typing.get_args(hint)])
    if origin is list:
        return {"type": "array", "items": _of_type(typing.get_args(hint)[0], where), "maxItems": 1000}
    if dataclasses.is_dataclass(hint):
        nested = _of_dataclass(hint)
        return {key: value for key, value in nested.items() if key != "$schema"}
    raise TypeError(f"{where}: {hint} is no type of a hyperparameter: bool, int, float, str, Literal, list or None")


def _merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """`int | None` as one property with two types, so that messages stay simple; anything else as alternatives."""
    plain = [part for part in parts if set(part) == {"type"}]
    if len(plain) == len(parts):
        kinds = [part["type"] for part in parts]
        return {"type": kinds}
    others = [part for part in parts if part != {"type": "null"}]
    if len(others) == 1 and len(parts) == 2:
        only = dict(others[0])
        kinds = only["type"] if isinstance(only["type"], list) else [only["type"]]
        only["type"] = [*kinds, "null"]
        if "enum" in only:
            only["enum"] = [*only["enum"], None]
        return only
    return {"anyOf": parts}


def _of_pydantic(model: Any) -> dict[str, Any]:
    found = model.model_json_schema()
    named = found.pop("$defs", {})
    whole = _inlined(found, named, depth=0)
    return object_of(whole.get("properties", {}), whole.get("required", []))


def _inlined(part: Any, named: dict[str, Any], depth: int) -> Any:
    """Without references, which the server does not take, and without titles, which only repeat the names."""
    if depth > 20:
        raise TypeError("a hyperparameter model may not contain itself")
    if isinstance(part, list):
        return [_inlined(item, named, depth + 1) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        rest = {key: value for key, value in part.items() if key != "$ref"}
        return _inlined(named[part["$ref"].rsplit("/", 1)[-1]] | rest, named, depth + 1)
    clean = {}
    for key, value in part.items():
        if key == "title" and isinstance(value, str):
            continue
        inner = key == "properties" and isinstance(value, dict)
        clean[key] = (
            {name: _inlined(item, named, depth + 1) for name, item in value.items()}
            if inner
            else value
            if key == "default"
            else _inlined(value, named, depth + 1)
        )
    if clean.get("type") == "object" and "properties" in clean:
        clean.setdefault("additionalProperties", False)
    return _nullable(clean)


def _nullable(part: dict[str, Any]) -> dict[str, Any]:
    alternatives = part.get("anyOf")
    if not isinstance(alternatives, list) or {"type": "null"} not in alternatives or len(alternatives) != 2:
        return part
    other = next(item for item in alternatives if item != {"type": "null"})
    if not isinstance(other.get("type"), str) or "enum" in other:
        return part
    rest = {key: value for key, value in part.items() if key != "anyOf"}
    return other | {"type": [other["type"], "null"]} | rest
