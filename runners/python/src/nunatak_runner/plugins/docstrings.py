"""What a class's docstring says of its parameters, in the layout that NumPy's world writes."""

from __future__ import annotations

import inspect
import re

_PARAMETER = re.compile(r"^(\w+(?:, \w+)*) ?: ?(.*)$")
_QUOTED = re.compile(r"['\"‘`]([A-Za-z][\w+-]*)['\"’`]")
_BRACES = re.compile(r"\{([^{}]*)\}")
_BULLET = re.compile(r"^\s*[-*]\s+[`'\"]+([A-Za-z][\w+-]*)[`'\"]+", re.MULTILINE)
_ONE_OF = re.compile(r"one of ([^.]*)")
_ROLE = re.compile(r":\w+(?::\w+)?:`~?([^`<]+?)(?: <[^>]*>)?`")
_DIRECTIVE = re.compile(r"\.\. [\w-]+::.*?(?=\n\S|\Z)", re.DOTALL)


def parameters(kind: type) -> dict[str, tuple[str, str]]:
    """Name to (type specification, description)."""
    found: dict[str, tuple[str, list[str]]] = {}
    current: list[str] | None = None
    for line in _section(inspect.getdoc(kind) or ""):
        head = _PARAMETER.match(line)
        if head:
            current = []
            for name in head[1].split(", "):
                found[name] = (head[2], current)
        elif current is not None:
            current.append(line)
    return {name: (spec, _plain("\n".join(lines))) for name, (spec, lines) in found.items()}


def summary(kind: type) -> str:
    """The docstring's first sentence."""
    text = " ".join(_plain((inspect.getdoc(kind) or "").split("\n\n")[0]).split())
    return text.split(". ")[0].rstrip(".") + "." if text else ""


def prose(kind: type) -> str:
    """What stands before the parameters."""
    text = inspect.getdoc(kind) or ""
    return _plain(text.split("Parameters\n----")[0])[:4000]


def words(spec: str, text: str) -> list[str]:
    """The words that a parameter may be, where the docstring lists them."""
    for part in (spec, text):
        for inside in _BRACES.findall(part):
            if found := _QUOTED.findall(inside):
                return found
    if listed := _ONE_OF.search(text):
        return _QUOTED.findall(listed[1])
    return _BULLET.findall(text) or (_QUOTED.findall(spec) if " or " in spec or "," in spec else [])


def _section(text: str) -> list[str]:
    lines = text.split("\n")
    for at in range(len(lines) - 1):
        if lines[at].strip() == "Parameters" and set(lines[at + 1].strip()) == {"-"}:
            end = next(
                (after for after in range(at + 2, len(lines) - 1) if set(lines[after + 1].strip()) == {"-"}), len(lines)
            )
            return lines[at + 2 : end]
    return []


def _plain(text: str) -> str:
    text = _DIRECTIVE.sub("", text)
    text = _ROLE.sub(r"\1", text).replace("``", "`")
    return re.sub(r"\n{2,}", "\n\n", "\n".join(line.strip() for line in text.split("\n"))).strip()
