"""Collects doctests only from modules with an example, since importing all others takes each worker seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "pipeline"


@pytest.hookimpl
def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out the package's modules without an example."""
    if collection_path.suffix == ".py" and PACKAGE in collection_path.parents:
        return b">>>" not in collection_path.read_bytes() or None
    return None
