"""Errors by group in the report."""

from __future__ import annotations

from pathlib import Path

from pipeline.reporting.by_group import FEW, by_group
from pipeline.reporting.read import benchmarks, series
from pipeline.stages import report
from tests.reporting.standin import drawn_crops, small_study, write_run


def test_every_group_has_its_rates_and_says_whether_it_differs(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    by_style = {"kind": "all-pairs", "probe": "painted", "groups": ["style"]}
    study = small_study(
        evaluate={"far": [0.1], "bootstrap": {"replicates": 100}, "benchmarks": {"paintings": by_style}}
    )
    write_run(study, drawn_crops(132, 24))
    (found,) = benchmarks(Path("results"), study)
    (table,) = by_group(found, series(study, [found]))
    assert table.column == "style"
    mine = [row for row in table.rows if row.style.name == "dlib"]
    assert [row.group for row in mine] == ["chalk", "engraving", "oil", "same style, all pairs", "different style"]
    for row in mine[:4]:
        for rate in row.rates:
            assert not rate.verdict or rate.verdict.startswith(("may be chance", "higher", "lower"))
            assert rate.interval == FEW or rate.bar is not None
    assert all(rate.interval != FEW for rate in mine[3].rates)
    assert any(rate.interval == FEW for row in mine for rate in row.rates)
    report.run(study)
    page = Path("results/report.html").read_text(encoding="utf-8")
    assert "Errors by style" in page
    assert "same style, all pairs" in page
