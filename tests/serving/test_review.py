"""Portraits are reviewed in real Chromium: by button and by key, by two browsers at once, and undone as easily."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.core.files import read_csv
from pipeline.core.layout import Layout
from pipeline.stages import identify
from tests.identification.project import FOUND, LOST, study, write_project
from tests.programs import needs
from tests.serving.browser import ASKED, complains, open_portrait, said, served, text_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from pipeline.serving.server import Served

pytestmark = [pytest.mark.slow, pytest.mark.service, needs("chromium")]
PORTRAITS = 8
"""Two that nobody knows, and three each of two sitters who are asked about as if nobody did."""


def rows(decisions: Path) -> list[tuple[str, str, str]]:
    """Image, verdict and sitter of each decision in the file."""
    return [(row["image"], row["verdict"], row["sitter"]) for row in read_csv(decisions)] if decisions.exists() else []


def test_page_through_accept_reload_undo(page: Page, decisions: Path) -> None:
    page.get_by_role("link", name="Review them one by one").click()
    page.get_by_text(f"0 of {PORTRAITS} reviewed").wait_for()
    first = page.inner_text("#who")
    page.get_by_role("link", name="Next →").click()
    page.wait_for_function("name => document.querySelector('#who').textContent !== name", arg=first)
    page.wait_for_selector(".card.chosen")
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("name => document.querySelector('#who').textContent === name", arg=first)

    open_portrait(page, FOUND)
    page.fill("#by", "E. H.")
    page.fill("#note", "the nose,\nand the collar")
    page.get_by_role("group", name="Verdict on s03").get_by_role("button", name="Accept").click()
    said(page, "Accepted as s03")
    (row,) = read_csv(decisions)
    assert (row["image"], row["verdict"], row["sitter"], row["by"]) == (FOUND, "accept", "s03", "E. H.")
    assert row["evidence"] == "the nose, and the collar"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", row["when"])
    page.get_by_text(f"1 of {PORTRAITS} reviewed").wait_for()
    assert page.input_value("#note") == ""

    page.reload()
    assert page.get_attribute("#accept-1", "aria-pressed") == "true"
    assert page.input_value("#by") == "E. H."
    page.get_by_text("Accepted as s03 by E. H.").wait_for()
    page.get_by_role("button", name="Undo").click()
    said(page, "Undone")
    assert rows(decisions) == []
    assert page.get_attribute("#accept-1", "aria-pressed") == "false"
    assert page.get_by_role("button", name="Undo").is_disabled()


def test_every_verdict_has_a_key_and_the_same_key_takes_it_back(page: Page, decisions: Path) -> None:
    open_portrait(page, FOUND)
    second = page.inner_text("#name-2").partition(". ")[2]
    listed = [page.inner_text(f"#name-{n}").partition(". ")[2] for n in (1, 2, 3)]
    for keys, wanted in (
        ("2r", [("reject", second)]),
        ("u", [("unsure", "")]),
        ("x", [("unsuitable", "")]),
        ("2a", [("accept", second)]),
        ("n", [("reject", sitter) for sitter in listed]),
    ):
        for turn in (wanted, []):
            for key in keys:
                page.keyboard.press(key)
            said(page, "Undo: z" if turn else "Taken back")
            assert [row[1:] for row in rows(decisions)] == turn
            page.evaluate("document.querySelector('#status').textContent = ''")
    page.keyboard.press("z")
    said(page, "Undone")
    assert len(rows(decisions)) == len(listed)


def test_keys_are_text_in_a_field_and_can_be_turned_off(page: Page, decisions: Path) -> None:
    open_portrait(page, FOUND)
    page.keyboard.press("m")
    page.keyboard.type("axaruz1")
    assert page.input_value("#note") == "axaruz1"
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.get_by_label("Keys are on").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    page.keyboard.press("?")
    page.get_by_label("Keys are on").check()
    page.keyboard.press("Escape")
    page.keyboard.press("x")
    said(page, "Set aside")
    assert rows(decisions) == [(FOUND, "unsuitable", "")]


def test_after_a_verdict_it_goes_on_to_the_next_where_that_is_wished(page: Page, decisions: Path) -> None:
    page.get_by_role("link", name="Review them one by one").click()
    page.wait_for_selector(".card.chosen")
    first = page.inner_text("#who")
    page.keyboard.press("?")
    page.get_by_label("After a verdict, go on").check()
    page.keyboard.press("Escape")
    page.keyboard.press("r")  # one of several sitters: it stays
    said(page, "Ruled out")
    assert page.inner_text("#who") == first
    page.keyboard.press("u")
    page.wait_for_function("name => document.querySelector('#who').textContent !== name", arg=first)
    said(page, "Left open")
    page.wait_for_selector(".card.chosen")
    page.keyboard.press("z")
    page.wait_for_function("name => document.querySelector('#who').textContent === name", arg=first)
    said(page, f"Undone: the last decision on {first}")
    assert [row[1] for row in rows(decisions)] == ["reject"]


def test_somebody_who_is_not_on_the_list_can_be_accepted(page: Page, decisions: Path) -> None:
    open_portrait(page, LOST)
    page.get_by_text("Somebody else in the gallery").click()
    page.select_option("#other", "s09")
    page.get_by_role("button", name="Accept this sitter").click()
    said(page, "Accepted as s09")
    assert rows(decisions) == [(LOST, "accept", "s09")]
    page.get_by_role("button", name="Take back").click()
    said(page, "Taken back")
    assert rows(decisions) == []


def test_filters_progress_and_what_is_saved_from_the_page(page: Page, decisions: Path) -> None:
    open_portrait(page, "s05/1")
    page.keyboard.press("a")
    said(page, "Accepted as s05")
    page.get_by_text("In truth: s05").wait_for()
    open_portrait(page, LOST)
    page.keyboard.press("x")
    said(page, "Set aside")
    page.get_by_role("link", name="who", exact=True).click()
    page.get_by_text(f"2 of {PORTRAITS} reviewed").wait_for()
    page.get_by_role("link", name="To review").click()
    page.wait_for_url("**show=to+review*")
    assert page.locator(".portraits li").count() == PORTRAITS - 2
    page.get_by_label("Containing").fill("hals")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url("**words=hals*")
    assert [text.split("\n")[0] for text in page.locator(".portraits a").all_inner_texts()] == [FOUND]
    with page.expect_download() as download:
        page.get_by_role("link", name="Save these sheets").click()
    sheet = Path(download.value.path()).read_text()
    assert FOUND in sheet
    assert LOST not in sheet
    assert "<script" not in sheet
    with page.expect_download() as download:
        page.get_by_role("link", name="Save the decisions").click()
    assert Path(download.value.path()).read_bytes() == decisions.read_bytes()


def test_the_next_run_honours_what_was_decided_and_the_page_shows_the_run(page: Page, at: Layout) -> None:
    open_portrait(page, FOUND)
    page.keyboard.press("r")
    said(page, "Ruled out: s03")
    identify.run(study(**ASKED), "who", at.root)
    page.reload()
    assert "s03" not in page.inner_text(".cards")
    page.get_by_text("Ruled out: s03").wait_for()


def test_two_browsers_at_once(browser: Browser, server: Served, page: Page, decisions: Path) -> None:
    with browser.new_context() as other_context:
        other = other_context.new_page()
        other.set_default_timeout(15_000)
        other.goto(server.address)
        for one in (page, other):
            open_portrait(one, FOUND)
        page.keyboard.press("a")
        said(page, "Accepted as s03")
        other.keyboard.press("x")  # on what it has not seen
        complains(other, "Somebody else has decided on this portrait in the meantime")
        assert rows(decisions) == [(FOUND, "accept", "s03")]
        assert other.get_attribute("#accept-1", "aria-pressed") == "true"  # and now it has

        open_portrait(other, LOST)
        other.keyboard.press("u")
        said(other, "Left open")
        assert set(rows(decisions)) == {(FOUND, "accept", "s03"), (LOST, "unsure", "")}
        page.keyboard.press("z")  # each undoes its own
        said(page, "Undone")
        assert rows(decisions) == [(LOST, "unsure", "")]
        other.keyboard.press("z")
        said(other, "Undone")
        assert rows(decisions) == []


def test_enlarged_side_by_side_with_zoom_and_keys(page: Page) -> None:
    open_portrait(page, FOUND)
    page.keyboard.press("1")
    page.keyboard.press("c")
    dialog = page.get_by_role("dialog", name="Side by side")
    assert dialog.is_visible()
    widths = "[...document.querySelectorAll('.pane img')].map(i => i.naturalWidth)"
    page.wait_for_function(f"() => {widths}.every(width => width > 50)")
    page.get_by_label("Zoom").fill("4")
    page.get_by_role("img", name="The portrait; arrow keys move it").press("ArrowLeft")
    assert "scale(4) translate(6%" in (page.locator(".pane img").first.get_attribute("style") or "")
    page.get_by_label("Whole pictures").check()
    page.wait_for_function(f"() => {widths}.every(width => width === 112)")
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert page.evaluate("document.activeElement.id") == "card-1"


def test_without_a_file_for_decisions_the_page_says_which_line_is_missing(
    browser: Browser, at: Layout, tmp_path: Path
) -> None:
    write_project(at.root)
    identify.run(study(), "who", at.root)
    with served(study(), at) as server, browser.new_context() as context:
        page = context.new_page()
        page.goto(server.address)
        page.get_by_text("decisions: decisions-who.csv").wait_for()
        open_portrait(page, FOUND)
        page.keyboard.press("a")
        complains(page, "Decisions cannot be saved here")
    assert list(tmp_path.glob("*.csv")) == []


def test_a_fault_in_the_file_is_shown_and_the_file_is_left_alone(page: Page, decisions: Path) -> None:
    decisions.write_text("image,verdict,sitter\nnobody/7,accept,s03\n")
    open_portrait(page, FOUND)
    page.get_by_text("image 'nobody/7' is not among the portraits").wait_for()
    page.keyboard.press("a")
    complains(page, "Decisions cannot be saved here")
    assert text_of(decisions) == "image,verdict,sitter\nnobody/7,accept,s03\n"
