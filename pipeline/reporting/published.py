"""The published figures, and the figures of a study that match them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from pipeline.core.errors import SitterError
from pipeline.params.published import PAPERS, Published
from pipeline.store.figures import Figure, Figures

FILES = ("artface.yaml", "arcface-vs-infonce.yaml")


@dataclass(frozen=True)
class PublishedTable:
    """One table of a paper."""

    name: str
    """Name of the benchmark that measures the same."""
    citation: str
    about: str
    figures: Mapping[str, str]
    """Its columns in order, with what each of them means: one name has several meanings in the literature."""
    rates: frozenset[str]
    """Figures that are shares; the paper gives them in percent."""
    rows: Mapping[str, PublishedRow]
    """Rows by our name of the model, in the paper's order."""


@dataclass(frozen=True)
class PublishedRow:
    """One model of a table: its title there, and its figures as the results hold them (rates in 0 … 1)."""

    title: str
    values: Mapping[str, float | None]


@dataclass(frozen=True)
class Beside:
    """One of our figures beside the paper's."""

    ours: Figure
    published: float | None
    percent: bool

    @property
    def difference(self) -> float | None:
        """Our figure minus the paper's; None if either is unknown."""
        ours = self.ours.value
        return None if ours is None or self.published is None else ours - self.published

    @property
    def within(self) -> bool | None:
        """Whether the paper's figure lies in our interval; None if either is unknown."""
        low, high = self.ours.ends
        return None if low is None or high is None or self.published is None else low <= self.published <= high


@dataclass(frozen=True)
class PublishedComparison:
    """One benchmark of a study beside a table of a paper."""

    benchmark: str
    published: PublishedTable
    rows: list[tuple[str, PublishedRow, dict[str, Beside]]]
    """Our model, its row in the paper, and the figures, in the paper's order."""

    @property
    def absent(self) -> list[str]:
        """Titles of the paper's rows for which the study has no model."""
        have = {id(row) for _, row, _ in self.rows}
        return [row.title for row in self.published.rows.values() if id(row) not in have]


@cache
def tables() -> dict[str, PublishedTable]:
    """Return every published table by its name."""
    import yaml

    found = {}
    for file in FILES:
        paper = yaml.safe_load((PAPERS / file).read_text(encoding="utf-8"))
        for name, table in paper["tables"].items():
            figures = table["figures"]
            rates = frozenset(figures if table["percent"] is True else table["percent"])
            rows = {
                model: PublishedRow(title, {f: _value(v, f in rates) for f, v in zip(figures, values, strict=True)})
                for model, (title, *values) in table["rows"].items()
            }
            found[name] = PublishedTable(name, paper["citation"], paper["about"], figures, rates, rows)
    return found


def _value(number: float | None, percent: bool) -> float | None:
    return None if number is None else round(number / 100, 6) if percent else number


def comparisons(named: Published, metrics: Mapping[str, Mapping[str, Figures]]) -> list[PublishedComparison]:
    """Return every benchmark for which a paper has a table, with the models of that table.

    Args:
        named: the published names of the study's benchmarks and models, where they differ.
        metrics: benchmark → model → figures, as `read_metrics` returns them.

    Raises:
        SitterError: a benchmark has none of the figures of its table, so that different figures would be compared.
    """
    found = []
    for benchmark, by_model in metrics.items():
        table = tables().get(named.benchmarks.get(benchmark, benchmark))
        if table is None:
            continue
        rows = [
            (model, row, {f: _beside(by_model[model], f, row, f in table.rates) for f in table.figures})
            for name, row in table.rows.items()
            for model in by_model
            if named.models.get(model, model) == name
        ]
        if rows:
            _same_figures(benchmark, table, {model: by_model[model] for model, _, _ in rows})
            found.append(PublishedComparison(benchmark, table, rows))
    return found


def _same_figures(benchmark: str, table: PublishedTable, by_model: Mapping[str, Figures]) -> None:
    """Raise SitterError if a benchmark has none of the figures of a table."""
    have = dict.fromkeys(figure for values in by_model.values() for figure in values)
    if have.keys() & table.figures.keys():
        return
    holds = "; ".join(f"{figure} ({meaning})" for figure, meaning in table.figures.items())
    raise SitterError(
        f"benchmark {benchmark!r} cannot be compared with the published table {table.name!r}: the table holds "
        f"{holds}, but the results hold "
        f"{', '.join(have) or 'nothing'}. Measure the table's figure (a rate at a FAR needs this FAR under "
        "evaluate.far), or take the benchmark out of published.benchmarks."
    )


def _beside(ours: Figures, figure: str, row: PublishedRow, percent: bool) -> Beside:
    return Beside(ours.get(figure, Figure(None)), row.values[figure], percent)
