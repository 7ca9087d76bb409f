"""Which detectors a runner offers: those that come with it, and those of plug-ins."""

from __future__ import annotations

import fnmatch
import importlib
import importlib.util
import inspect
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import settings
from .detector import Detector

BUILT_IN = ("nunatak_runner.plugins.autoencoder", "nunatak_runner.plugins.sklearn", "nunatak_runner.plugins.pyod")
#: What a detector's name may be for this runner; the server takes more.
_NAME = re.compile(r"^[a-z][a-z0-9_]{0,99}$")
_VERSION = re.compile(r"^\d[0-9A-Za-z.+_-]{0,59}$")


class PluginError(Exception):
    """A plug-in that cannot be used; the runner does not start."""


@dataclass(frozen=True)
class Choice:
    """What to offer; passed on to the processes that compute."""

    #: `module:function` or `file.py:function`.
    plugins: tuple[str, ...] = ()
    #: Patterns of names; all where there is none.
    only: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"plugins": list(self.plugins), "only": list(self.only)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Choice:
        return cls(tuple(value["plugins"]), tuple(value["only"]))


def load(choice: Choice) -> dict[str, type[Detector]]:
    """The detectors by name."""
    found: dict[str, type[Detector]] = {}
    patterns = choice.only
    for source in (*choice.plugins, *(f"{module}:detectors" for module in BUILT_IN if _is_wanted(module, patterns))):
        for kind in _of_plugin(source):
            _check(kind, source)
            if kind.name in found:
                raise PluginError(f"`{kind.name}` is offered twice, the second time by {source}: rename one")
            if not patterns or any(fnmatch.fnmatchcase(kind.name, pattern) for pattern in patterns):
                found[kind.name] = kind
    return found


def _is_wanted(module: str, patterns: tuple[str, ...]) -> bool:
    """Whether a library has to be imported at all, which takes seconds."""
    prefix = {"sklearn": "sklearn_", "pyod": "pyod_"}.get(module.rpartition(".")[2], "autoencoder")
    return not patterns or any(
        fnmatch.fnmatchcase(prefix, pattern) or pattern.startswith(prefix) or fnmatch.fnmatchcase(prefix + "x", pattern)
        for pattern in patterns
    )


def refused() -> dict[str, str]:
    """What the installed libraries have and this runner does not offer, with the reason."""
    from .plugins import pyod, sklearn

    return sklearn.refused() | pyod.refused()


def describe(kind: type[Detector]) -> dict[str, Any]:
    """What `registerRunner` takes."""
    return {
        "name": kind.name,
        "version": kind.version,
        "title": kind.title or kind.name,
        "summary": kind.summary,
        "description": kind.description or inspect.cleandoc(kind.__doc__ or ""),
        "inputKind": kind.input_kind,
        "hyperparameterSchema": settings.full_schema(kind),
    }


def _of_plugin(source: str) -> Iterable[type[Detector]]:
    where, _, name = source.rpartition(":")
    if not where or not name:
        raise PluginError(f"--plugin {source}: write module:function or file.py:function")
    # As `python -m` has it, so that the file in front of you is found by either way to start.
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        module = _of_file(Path(where)) if where.endswith(".py") else importlib.import_module(where)
        given = getattr(module, name)
        given = given() if callable(given) and not inspect.isclass(given) else given
        return [given] if inspect.isclass(given) else list(given)
    except Exception as error:
        raise PluginError(f"--plugin {source}: {type(error).__name__}: {error}") from error


def _of_file(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _check(kind: Any, source: str) -> None:
    if not (inspect.isclass(kind) and issubclass(kind, Detector)):
        raise PluginError(f"{source} gave {kind!r}, which is no class derived from `Detector`")
    if not _NAME.match(kind.name):
        raise PluginError(f"{source}: `{kind.name}` is no name: a to z, 0 to 9 and _, 100 at most")
    if not _VERSION.match(kind.version):
        raise PluginError(f"{source}: `{kind.name}` needs a version such as 1.0.0")
    if kind.input_kind not in ("TABULAR", "SERIES"):
        raise PluginError(f"{source}: `input_kind` of `{kind.name}` must be TABULAR or SERIES")
    try:
        settings.full_schema(kind)
    except TypeError as error:
        raise PluginError(f"{source}: {error}") from error
