"""A project folder of its own for each test, its own cache, and small images to fill it with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sources.site import Site, serving


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project to stand in, with an output folder `out` and a cache of its own."""
    home = tmp_path / "project"
    (home / "out").mkdir(parents=True)
    monkeypatch.chdir(home)
    monkeypatch.setenv("SITTER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return home


@pytest.fixture
def site() -> Iterator[Site]:
    """A web site on this machine."""
    with serving() as running:
        yield running
