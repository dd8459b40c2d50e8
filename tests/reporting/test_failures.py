"""The report shows error rates with failures beside error rates of comparisons alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core.layout import Layout
from pipeline.reporting.failures import failures
from pipeline.reporting.series import series
from pipeline.stages import report
from pipeline.store.results import read_results
from tests.reporting.standin import drawn_crops, small_study, write_run


def test_every_benchmark_that_knows_its_failures_shows_both_rates(tmp_path: Path) -> None:
    """In the made-up run, every eleventh image has no face."""
    study, at = small_study(), Layout(tmp_path)
    write_run(study, drawn_crops(132, 24), tmp_path)
    found = read_results(at.results()).benchmarks
    looks = series(study.systems, found)
    tables = {b.name: failures(b, looks) for b in found}
    assert tables["space"] is None
    for name in ("photographs", "across", "search"):
        table = tables[name]
        assert table is not None
        assert table.fta == pytest.approx(1 / 11, abs=0.1)
        assert table.fte is not None
        assert {row.style.name for row in table.rows} == {"dlib", "dlib-head", "both"}
    rows = {row.name: row for row in tables["photographs"].rows if row.style.name == "dlib"}  # type: ignore[union-attr]
    assert rows["generalised EER"].alone_name == "EER"
    assert rows["GFRR at GFAR 10%"].alone_name == "FNMR at FMR 10%"
    eer = next(b for b in found if b.name == "photographs").value("dlib", "eer")
    assert rows["generalised EER"].alone.value == eer
    search = {row.name for row in tables["search"].rows}  # type: ignore[union-attr]
    assert {"FNIR at FPIR 10%", "FNIR, rank-1"} <= search
    report.run(study, tmp_path)
    page = at.report().read_text(encoding="utf-8")
    assert "Failures counted" in page
    assert "of the probe images have no usable face" in page
    assert "Error against discard" in page
    assert "length of the vector" in page
    assert "Expected performance." in page
    assert "generalised EER" in page
    columns = page.split("Models on photographs")[1].split("</thead>")[0]
    assert "generalised" not in columns
