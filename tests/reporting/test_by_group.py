"""Tests of errors by group in the report."""

from __future__ import annotations

from pathlib import Path

from pipeline.core.layout import Layout
from pipeline.reporting.by_group import by_group
from pipeline.reporting.series import series
from pipeline.stages import report
from pipeline.store.results import read_results
from tests.reporting.standin import drawn_crops, small_study, write_run


def test_every_group_has_its_rates_and_says_whether_it_differs(tmp_path: Path) -> None:
    at = Layout(tmp_path)
    by_style = {"kind": "all-pairs", "probe": "painted", "groups": ["style"]}
    study = small_study(
        evaluate={"far": [0.1], "bootstrap": {"replicates": 100}, "benchmarks": {"paintings": by_style}}
    )
    write_run(study, drawn_crops(132, 24), tmp_path)
    (found,) = read_results(at.results()).benchmarks
    (table,) = by_group(found, series(study.systems, [found]))
    assert table.column == "style"
    mine = [row for row in table.rows if row.style.name == "dlib"]
    assert [row.group for row in mine] == ["chalk", "engraving", "oil", "same style, all pairs", "different style"]
    for row in mine[:4]:
        for rate, bar in row.rates:
            assert rate.p is None or rate.difference is not None
            assert rate.low is None or bar is not None
    assert all(rate.low is not None for rate, _ in mine[3].rates)
    assert any(rate.low is None for row in mine for rate, _ in row.rates)
    report.run(study, tmp_path)
    page = at.report().read_text(encoding="utf-8")
    assert "Errors by style" in page
    assert "same style, all pairs" in page
    assert "too few sitters" in page
    tested = [rate for row in table.rows for rate, _ in row.rates if rate.p is not None]
    assert page.count("may be chance, p") == sum(not rate.significant for rate in tested)
