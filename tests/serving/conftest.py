"""A small museum that is served, and a browser that has come in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.core.layout import Layout
from pipeline.stages import identify
from tests.identification.project import study, write_project
from tests.serving.browser import ASKED, DECISIONS, chromium, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from pipeline.serving.server import Served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def decisions(at: Layout) -> Path:
    """Return the path of the file of decisions."""
    return at.root / DECISIONS


@pytest.fixture
def server(at: Layout, decisions: Path) -> Iterator[Served]:
    write_project(at.root)
    decisions.write_text("image,verdict,sitter,by,when,evidence\n")
    identify.run(study(**ASKED), "who", at.root)
    decisions.unlink()
    with served(study(**ASKED), at) as server:
        yield server


@pytest.fixture
def page(browser: Browser, server: Served) -> Iterator[Page]:
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.goto(server.address)
        yield page
