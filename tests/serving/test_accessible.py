"""The pages in real Chromium: no other host is asked, nothing is complained of, and axe finds nothing serious."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.identification.project import FOUND
from tests.programs import needs
from tests.serving.browser import open_portrait, said, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from pipeline.serving.server import Served

pytestmark = [pytest.mark.slow, pytest.mark.service, needs("chromium")]


def test_nothing_is_asked_of_another_host_and_the_browser_complains_of_nothing(page: Page, server: Served) -> None:
    heard: list[str] = []
    watched(page, heard)
    open_portrait(page, FOUND)
    page.keyboard.press("a")
    said(page, "Accepted")
    page.keyboard.press("c")
    page.wait_for_load_state("networkidle")
    assert [line for line in heard if not line.startswith(f"request: http://{server.door.hosts[0]}/")] == []
    assert len(heard) > 10


@pytest.mark.parametrize("width", [1280, 500])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Browser, server: Served, width: int, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    with browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True) as context:
        page = context.new_page()
        page.goto(server.address)
        found = {}

        def look(screen: str) -> None:
            page.wait_for_load_state("networkidle")
            for violation in Axe().run(page).response["violations"]:
                found[screen, violation["id"]] = [node["html"][:200] for node in violation["nodes"]][:3]

        look("home")
        page.get_by_role("link", name="See the list").click()
        look("list")
        open_portrait(page, FOUND)
        look("portrait")
        page.keyboard.press("a")
        said(page, "Accepted")
        look("decided")
        page.keyboard.press("2")
        page.keyboard.press("r")
        said(page, "Ruled out")
        page.keyboard.press("c")
        look("side by side")
        page.keyboard.press("Escape")
        page.keyboard.press("?")
        look("help")
        assert found == {}
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
