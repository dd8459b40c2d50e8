"""Stage `report`: show the results of a run on one self-contained page, and in tables on the terminal.

The stage reads `results/`, `data/overlap/`, `attributions/`, the faces, the account of every image and the models'
records, and writes `results/report.html`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.files import atomic_file
from pipeline.plan.layout import HERE, Layout

if TYPE_CHECKING:
    from pipeline.params import Study


def run(study: Study, root: Path = Path()) -> None:
    """Write `results/report.html` of the project in `root`, and print the tables.

    Raises:
        SitterError: there are no results, or one of their files is broken.
    """
    from pipeline.reporting.page import page
    from pipeline.reporting.read import benchmarks, series
    from pipeline.store.results import read_run

    at = Layout.of(study, root)
    folder = at.results()
    found = benchmarks(folder, study)
    styles = series(study, found)
    html = page(study, found, styles, read_run(folder), at)
    with atomic_file(at.report()) as part:
        part.write_text(html, encoding="utf-8")
    print(results(study, at))


def results(study: Study, at: Layout = HERE) -> str:
    """Return the text for the terminal: a table for each benchmark, notes, answers, and the path of the report.

    Raises:
        SitterError: there are no results, or one of their files is broken.
    """
    from pipeline.reporting import questions
    from pipeline.reporting.declared import answer
    from pipeline.reporting.overlaps import lines
    from pipeline.reporting.read import benchmarks
    from pipeline.reporting.repeats import over_seeds
    from pipeline.reporting.tables import results_table

    found = benchmarks(at.results(), study)
    tables = [results_table(at.results()), *over_seeds(study, found)]
    answers = [*answer(found), *questions.lines(study, at)]
    return "\n".join([*tables, *lines(study, at), *answers, f"report: {at.report()}"])
