"""A study that is served, and the real Chromium that looks at it."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.layout import Layout
from pipeline.params import Study
from pipeline.serving.desk import Desk
from pipeline.serving.server import Served
from tests.programs import find

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DECISIONS = "decisions.csv"
"""The file of decisions, in the project's root."""
ASKED = {"as_unidentified": ["s05", "s06"], "without": ["s06"], "decisions": DECISIONS}
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
QUIET += ["--disable-background-networking", "--disable-component-update"]


@contextmanager
def served(study: Study, at: Layout) -> Iterator[Served]:
    """Serve the study of a project from another thread."""
    server = Served(Desk(study, at))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until = time.monotonic() + 20
        while not server.server.started and thread.is_alive() and time.monotonic() < until:
            time.sleep(0.01)
        assert server.server.started
        yield server
    finally:
        server.server.should_exit = True
        thread.join(20)
        server.socket.close()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a Chromium; it asks no other host for anything."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        program = find("chromium")
        assert program is not None
        browser = playwright.chromium.launch(executable_path=program, args=QUIET, env=dict(os.environ))
        try:
            yield browser
        finally:
            browser.close()


def watched(page: Page, heard: list[str]) -> Page:
    """Have what a page complains of, and every address that it asks for, written into a list."""
    page.on("console", lambda message: heard.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: heard.append(f"error: {error}"))
    page.on("request", lambda request: heard.append(f"request: {request.url}"))
    return page


def text_of(path: Path) -> str:
    """Return the text of a file; empty where it does not exist."""
    return path.read_text(encoding="utf-8") if path.exists() else ""


def said(page: Page, text: str) -> None:
    """Wait until the page says it."""
    page.wait_for_function("text => document.querySelector('#status').textContent.includes(text)", arg=text)


def complains(page: Page, text: str) -> None:
    page.wait_for_function("text => document.querySelector('#trouble').textContent.includes(text)", arg=text)


def open_portrait(page: Page, image_id: str) -> None:
    page.goto(re.sub(r"(http://[^/]+).*", r"\1/who/who", page.url))
    page.get_by_role("link", name=image_id, exact=True).click()
    page.wait_for_selector(".card.chosen")
