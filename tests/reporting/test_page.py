"""The workflow knows every file that the page is rendered from, and lists of words read well."""

from __future__ import annotations

from pathlib import Path

from pipeline.plan.fingerprint import job_sources
from pipeline.reporting import doubtful_faces, page, sheets
from pipeline.reporting.page import STYLE, TEMPLATES
from pipeline.reporting.words import listing


def test_every_file_that_the_page_is_rendered_from_counts_as_code_of_the_report() -> None:
    folder = Path("pipeline/reporting")
    found = set(job_sources("report"))
    assert {folder / name for name in (*TEMPLATES, STYLE)} <= found
    beside = {folder / p.name for p in Path(page.__file__).parent.iterdir() if p.suffix in (".j2", ".css")}
    aligned = folder / doubtful_faces.TEMPLATE  # the page of another stage
    assert aligned in job_sources("align")
    question = {folder / name for name in (sheets.TEMPLATE, sheets.PAGE_STYLE)}  # the page of a third
    assert question <= set(job_sources("identify"))
    assert beside - {aligned} - question <= found
    assert not beside & set(job_sources("evaluate"))


def test_listing_reads_as_a_sentence() -> None:
    assert listing(["a"]) == "a"
    assert listing(["a", "b"]) == "a and b"
    assert listing(["a", "b", "c"]) == "a, b and c"
