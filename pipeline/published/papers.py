"""The published figures, and which of a study's own stand beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.errors import SitterError

if TYPE_CHECKING:
    from pipeline.params import Study

FILES = ("artface.yaml", "arcface-vs-infonce.yaml")


@dataclass(frozen=True)
class Published:
    """One table of a paper."""

    name: str
    """What a benchmark is called that measures the same."""
    citation: str
    about: str
    figures: Mapping[str, str]
    """Its columns in their order, and what each of them holds: a name has several meanings in the literature."""
    rates: frozenset[str]
    """Figures that are shares, in the paper in percent."""
    rows: Mapping[str, Row]
    """By our name of the model, in the paper's order."""


@dataclass(frozen=True)
class Row:
    """One model of a table: its title there, and its figures as the results hold them (rates in 0 … 1)."""

    title: str
    values: Mapping[str, float | None]


@dataclass(frozen=True)
class Beside:
    """One of our figures beside the paper's."""

    ours: float | None
    low: float | None
    high: float | None
    published: float | None
    percent: bool

    @property
    def difference(self) -> float | None:
        """Ours less the paper's; None where either is unknown."""
        return None if self.ours is None or self.published is None else self.ours - self.published

    @property
    def within(self) -> bool | None:
        """Whether the paper's figure lies in our interval; None where either is unknown."""
        if self.low is None or self.high is None or self.published is None:
            return None
        return self.low <= self.published <= self.high


@dataclass(frozen=True)
class Comparison:
    """One benchmark of a study beside a table of a paper."""

    benchmark: str
    published: Published
    rows: list[tuple[str, Row, dict[str, Beside]]]
    """Our model, its row in the paper, and the figures, in the paper's order."""

    @property
    def absent(self) -> list[str]:
        """Titles of the paper's rows that the study has no model for."""
        have = {id(row) for _, row, _ in self.rows}
        return [row.title for row in self.published.rows.values() if id(row) not in have]


@cache
def tables() -> dict[str, Published]:
    """Every published table by its name."""
    import yaml

    found = {}
    for file in FILES:
        paper = yaml.safe_load((Path(__file__).parent / file).read_text(encoding="utf-8"))
        for name, table in paper["tables"].items():
            figures = table["figures"]
            rates = frozenset(figures if table["percent"] is True else table["percent"])
            rows = {
                model: Row(title, {f: _value(v, f in rates) for f, v in zip(figures, values, strict=True)})
                for model, (title, *values) in table["rows"].items()
            }
            found[name] = Published(name, paper["citation"], paper["about"], figures, rates, rows)
    return found


def _value(number: float | None, percent: bool) -> float | None:
    return None if number is None else round(number / 100, 6) if percent else number


def comparisons(study: Study, metrics: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[Comparison]:
    """Every benchmark that a paper has a table for, with the models that stand in it.

    Args:
        study: its section `published` says under which names it has them, where these are not the published ones.
        metrics: `results/metrics.json`: {benchmark: {model: {figure: value}}}.

    Raises:
        SitterError: a benchmark holds none of the figures of its table, so that unlike figures would be compared.
    """
    found = []
    for benchmark, by_model in metrics.items():
        table = tables().get(study.published.benchmarks.get(benchmark, benchmark))
        if table is None:
            continue
        rows = [
            (model, row, {f: _beside(by_model[model], f, row, f in table.rates) for f in table.figures})
            for name, row in table.rows.items()
            for model in by_model
            if study.published.models.get(model, model) == name
        ]
        if rows:
            _same_figures(benchmark, table, {model: by_model[model] for model, _, _ in rows})
            found.append(Comparison(benchmark, table, rows))
    return found


def _same_figures(benchmark: str, table: Published, by_model: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse a benchmark whose results hold none of the figures that a table holds."""
    have = dict.fromkeys(figure for values in by_model.values() for figure in values)
    if have.keys() & table.figures.keys():
        return
    measured = [f for f in have if not f.endswith(("_low", "_high", "_note"))]
    holds = "; ".join(f"{figure} ({meaning})" for figure, meaning in table.figures.items())
    raise SitterError(
        f"benchmark {benchmark!r} cannot stand beside the published table {table.name!r}: the table holds "
        f"{holds}, but the results hold "
        f"{', '.join(measured) or 'nothing'}. Unlike figures are not compared: measure the table's figure (rates at a "
        "FAR need that FAR under evaluate.far), or take the benchmark out of published.benchmarks."
    )


def _beside(ours: Mapping[str, Any], figure: str, row: Row, percent: bool) -> Beside:
    low, high = ours.get(f"{figure}_low"), ours.get(f"{figure}_high")
    return Beside(ours.get(figure), low, high, row.values[figure], percent)
