"""A report of ten models and a thousand faces is small, fits a desktop and a phone, and axe finds nothing serious."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.core.layout import Layout
from pipeline.params import Study
from pipeline.stages import report
from tests.programs import needs
from tests.reporting.standin import drawn_crops, small_study, write_run
from tests.serving.browser import chromium, watched

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow

MOST_BYTES = 20_000_000
IMAGES, SITTERS = 500, 100  # in each of two data sets
# Moderate findings of axe that are allowed; serious or critical findings are not.
BEARABLE = {"minor", "moderate"}


def large_study() -> Study:
    """Return a study with seven models, three fusions, and every kind of benchmark that needs no list of pairs."""
    small = small_study().model_dump(mode="json", exclude_unset=True)
    backbone = small["models"]["dlib"]["backbone"]
    frozen = {"backbone": backbone, "adaptation": {"kind": "none"}, "loss": {"kind": "none"}}
    head = {"backbone": backbone, "adaptation": {"kind": "head"}, "loss": {"kind": "triplet", "margin": 0.3}}
    models = {
        "dlib": frozen,
        "effnet": frozen,
        **dict.fromkeys(("dlib-head", "dlib-lora", "effnet-lora", "e", "f"), head),
    }
    method: dict[str, Any] = {"method": {"kind": "weighted"}, "fit_on": ["painted"]}
    fuse = {f"fusion-{n}": {"models": ["dlib", other], **method} for n, other in enumerate(("effnet", "e", "f"))}
    evaluate = {
        "far": [0.1, 0.01],
        "bootstrap": {"replicates": 100},
        "baseline": "dlib",
        "benchmarks": {
            "photographs": {"kind": "all-pairs", "probe": "photos", "discard": ["score", "norm"]},
            "paintings": {"kind": "all-pairs", "probe": "painted", "groups": ["style"]},
            "across": {"kind": "all-pairs", "probe": "painted", "gallery": "photos"},
            "search": {"kind": "identification", "probe": "painted", "gallery": "photos"},
            "map": {"kind": "embedding-map", "dataset": "painted", "colour": ["sitter", "style"]},
        },
    }
    return small_study(models=models, fuse=fuse, evaluate=evaluate, report={"title": "Ten models", "pairs": 6})


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the report of the large study, and return its path."""
    study, root = large_study(), tmp_path_factory.mktemp("large")
    write_run(study, drawn_crops(IMAGES, SITTERS), root)
    report.run(study, root)
    return Layout.of(study, root).report()


def test_ten_models_and_a_thousand_faces_are_under_20_mb(page_file: Path) -> None:
    text = page_file.read_text(encoding="utf-8")
    assert all(name in text for name in (*large_study().models, *large_study().fuse))
    assert 1_000_000 < page_file.stat().st_size < MOST_BYTES


@pytest.mark.service
@needs("chromium")
def test_axe_finds_nothing_serious_and_nothing_is_wider_than_a_phone(page_file: Path) -> None:
    from axe_playwright_python.sync_playwright import Axe

    found: dict[tuple[int, str], list[str]] = {}
    with chromium() as browser:
        for width, scheme in ((1280, "light"), (390, "dark")):
            with browser.new_context(
                viewport={"width": width, "height": 850}, color_scheme=scheme, bypass_csp=True
            ) as context:
                heard: list[str] = []
                page = watched(context.new_page(), heard)
                page.goto(page_file.as_uri())
                assert _closed(page) > 5
                page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
                for violation in Axe().run(page).response["violations"]:
                    if violation["impact"] not in BEARABLE:
                        nodes = [node["html"][:150] for node in violation["nodes"]][:3]
                        found[width, violation["id"]] = nodes
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
                assert [line for line in heard if not line.startswith("request: file:")] == []
    assert found == {}


@pytest.mark.service
@needs("chromium")
def test_folds_open_by_keyboard(page_file: Path) -> None:
    with chromium() as browser, browser.new_context() as context:
        page = context.new_page()
        page.goto(page_file.as_uri())
        before = _closed(page)
        fold = page.locator("details:not([open]) > summary").first
        fold.focus()
        page.keyboard.press("Enter")
        assert _closed(page) == before - 1


def _closed(page: Page) -> int:
    return int(page.locator("details:not([open])").count())
