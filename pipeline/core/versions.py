"""Versions of the packages that compute; each stage records them, since the report may be made on another machine."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    *("torch", "torchvision", "timm", "peft", "open-clip-torch", "onnxruntime", "opencv-python-headless"),
    *("numpy", "scipy", "scikit-learn"),
)
"""The packages with versions that may change a figure."""


def versions() -> dict[str, str]:
    """Return the versions of Python and of these packages, as far as they are installed here."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
