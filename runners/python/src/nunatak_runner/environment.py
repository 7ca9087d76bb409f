"""What the numbers of a version depend on, besides data, seed and settings."""

from __future__ import annotations

import platform
from importlib import metadata

_PACKAGES = ("nunatak-runner", "numpy", "scipy", "scikit-learn", "pyod")


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def differences(then: dict[str, str]) -> str:
    """What has changed since, as part of a sentence; empty where nothing has."""
    now = versions()
    changed = [f"{name} {then[name]} is now {now.get(name, 'missing')}" for name in then if now.get(name) != then[name]]
    return ", ".join(str(text)[:80] for text in changed[:5])
