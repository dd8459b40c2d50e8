"""Stage `report`: everything a run found out, as one self-contained page and a table on the terminal.

Reads `results/`, `data/overlap/`, `attributions/`, the faces and what became of every image, and the models' records;
writes `results/report.html`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core.files import atomic_file
from pipeline.plan import layout

if TYPE_CHECKING:
    from pipeline.params import Study


def run(study: Study) -> None:
    """Make `results/report.html` from the results, the account of the data and the records of the models.

    Raises:
        SitterError: there are no results, or a file of them is broken.
    """
    from pipeline.reporting.page import page
    from pipeline.reporting.read import benchmarks, series
    from pipeline.store.results import read_run

    folder = layout.results()
    found = benchmarks(folder, study)
    styles = series(study, found)
    html = page(study, found, styles, read_run(folder))
    with atomic_file(layout.report()) as part:
        part.write_text(html, encoding="utf-8")
    print(results(study))


def results(study: Study) -> str:
    """Return what a user came for: a table for each benchmark, notes on it, answers, and where the report is.

    Raises:
        SitterError: there are no results, or a file of them is broken.
    """
    from pipeline.reporting import questions
    from pipeline.reporting.declared import answer
    from pipeline.reporting.overlaps import lines
    from pipeline.reporting.read import benchmarks
    from pipeline.reporting.repeats import over_seeds
    from pipeline.reporting.tables import results_table

    found = benchmarks(layout.results(), study)
    tables = [results_table(layout.results()), *over_seeds(study, found)]
    answers = [*answer(found), *questions.lines(study)]
    return "\n".join([*tables, *lines(study), *answers, f"report: {layout.report()}"])
