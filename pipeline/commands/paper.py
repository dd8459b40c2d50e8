"""Write the tables and figures of a study for a paper into a folder.

`tables/` has the tables of each benchmark as LaTeX (booktabs), Markdown and CSV: its figures, tests, thresholds,
calibration, failures, groups and searches. `figures/` has every curve, map and error by group, the scores of each model
and the course of every training as SVG and PDF. Values have as many digits as their intervals support.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.files import atomic_file
from pipeline.core.layout import Layout

if TYPE_CHECKING:
    from pipeline.params import Study


def run(study: Study, folder: str, root: Path = Path()) -> None:
    """Write `folder/tables/` and `folder/figures/`; files of an earlier run are replaced.

    Raises:
        SitterError: there are no results.
    """
    from pipeline.core.typed_files import read_folder
    from pipeline.reporting.paper_figures import draw
    from pipeline.reporting.paper_folds import folds, written
    from pipeline.reporting.paper_tables import paper_tables
    from pipeline.reporting.series import series
    from pipeline.store.models import SystemFiles
    from pipeline.store.results import read_results

    at, out = Layout.of(study, root), Path(folder)
    found = read_results(at.results(), study.evaluate.benchmarks).benchmarks
    styles = series(study.systems, found)
    tables: dict[str, dict[str, str]] = {}
    for benchmark in found:
        tables[benchmark.name] = paper_tables(benchmark)
        for name, table in folds(benchmark, styles).items():
            tables[f"{benchmark.name}-{name.replace('/', '-')}"] = written(table)
    for name, by_ending in tables.items():
        for ending, text in by_ending.items():
            with atomic_file(out / "tables" / f"{name}{ending}") as part:
                part.write_text(text, encoding="utf-8")
    (out / "figures").mkdir(parents=True, exist_ok=True)
    histories = {name: read_folder(at.model(name), SystemFiles).history for name in study.models}
    count = draw(out / "figures", found, styles, histories)
    print(f"{out}/: {len(tables)} tables (.tex, .md, .csv) and {count} figures (.svg, .pdf)")
