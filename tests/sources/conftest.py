"""A project folder of its own for each test, its own cache, and small images to fill it with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.core.layout import Layout
from tests.sources.site import Site, serving


@pytest.fixture
def project(at: Layout, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project `at`, with an output folder `out` and a cache of its own."""
    (at.root / "out").mkdir()
    monkeypatch.setenv("SITTER_CACHE", str(at.root / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return at.root


@pytest.fixture
def site() -> Iterator[Site]:
    """A web site on this machine."""
    with serving() as running:
        yield running
