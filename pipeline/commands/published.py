"""Print the study's results beside the figures that papers published, with the differences.

`pipeline/params/papers/` holds the papers' tables. The section `published` maps names that differ.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.reporting.headings import heading
from pipeline.reporting.number_format import NONE, signed
from pipeline.reporting.published import Beside, PublishedComparison, comparisons, tables
from pipeline.reporting.tables import aligned, cell
from pipeline.store.figures import Figure
from pipeline.store.results import read_metrics

if TYPE_CHECKING:
    from pipeline.params import Study


def run(study: Study, root: Path = Path()) -> None:
    """Print every benchmark for which a paper has figures.

    Raises:
        SitterError: there are no results, or no paper has figures for any of them.
    """
    metrics = read_metrics(Layout.of(study, root).results())
    found = comparisons(study.published, metrics)
    if not found:
        raise SitterError(
            f"none of the results ({', '.join(metrics)}) has published figures. The published tables are "
            f"{', '.join(tables())}: map your benchmarks to them under published.benchmarks, and your models under "
            "published.models, or give them these names."
        )
    print("\n\n".join(as_text(comparison) for comparison in found))


def as_text(comparison: PublishedComparison) -> str:
    """Return a comparison as an aligned table: for each figure our value, the paper's value and the difference."""
    figures = comparison.published.figures
    rates = comparison.published.rates
    lines = [
        ["model", *(f"{heading(f)}{', %' * (f in rates)}{word}" for f in figures for word in ("", " paper", " +−"))]
    ]
    for model, _, values in comparison.rows:
        lines.append([model, *(text for f in figures for text in _cells(values[f]))])
    published = comparison.published
    title = f"{comparison.benchmark} beside {published.citation} ({published.about})"
    notes = ["+−: our figure minus the paper's; * where the paper's figure lies outside of our interval"]
    notes += [f"{figure}: {meaning}" for figure, meaning in figures.items()]
    notes += [f"in the paper, not in this study: {'; '.join(comparison.absent)}"] if comparison.absent else []
    return "\n".join([title, *aligned(lines), *notes])


def _cells(beside: Beside) -> tuple[str, str, str]:
    paper = cell(Figure(beside.published), beside.percent)
    difference = beside.difference
    text = NONE if difference is None else signed(difference, beside.percent) + "*" * (beside.within is False)
    return cell(beside.ours, beside.percent), paper, text
