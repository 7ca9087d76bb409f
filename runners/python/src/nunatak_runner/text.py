"""Sentences for users: short, and without what is none of their business."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: So that a table of thousands of columns still gives a readable sentence.
SHOWN = 20

_PATH = re.compile(r"(?:[A-Za-z]:)?(?:[/\\][\w.@+~-]+){2,}[/\\]?")
_TOKEN = re.compile(r"\b(?:eyJ[\w-]+\.[\w.-]+|nnk_[\w-]{8,}|Bearer\s+\S+)")
_NUMBERS = re.compile(r"[\[(][\s\d.,eE+\-\[\]()naif]{24,}[\])]?")


def listed(names: Iterable[str]) -> str:
    """The first names, and how many more there are."""
    names = list(names)
    text = ", ".join(names[:SHOWN])
    return text if len(names) <= SHOWN else f"{text}, … {len(names) - SHOWN} more"


def shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def cut_bytes(text: str, limit: int) -> str:
    """At most `limit` bytes of UTF-8, no character cut in two."""
    raw = text.encode("utf-8", "replace")
    return text if len(raw) <= limit else raw[:limit].decode("utf-8", "ignore")


def safe_sentence(text: str) -> str:
    """The first line of a library's message, without paths, tokens and rows of data."""
    line = next((line.strip() for line in str(text).splitlines() if line.strip()), "no message")
    for pattern, instead in ((_TOKEN, "…"), (_PATH, "…"), (_NUMBERS, "[…]")):
        line = pattern.sub(instead, line)
    return shortened(line, 300)
