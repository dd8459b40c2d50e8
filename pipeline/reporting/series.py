"""How the models look on the whole page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.store.benchmarks import Benchmark

COLOURS = 7


@dataclass(frozen=True)
class Series:
    """How one model looks: its colour from the palette, its line by what sort of model it is."""

    name: str
    sort: str
    """frozen, trained, outside, fusion, or other (of which the study knows nothing)."""
    index: int

    @property
    def css(self) -> str:
        """Classes of everything drawn for this model."""
        return f"series s{self.index} c{self.index % COLOURS} {self.sort} turn{self.index // COLOURS % 3}"


Styles = Mapping[str, Series]


def series(sorts: Mapping[str, str], found: Iterable[Benchmark]) -> dict[str, Series]:
    """Return the look of every model that was judged: those of the study in its order, then any others.

    Args:
        sorts: the models and fusions of the study, and what sort of model each is.
        found: the benchmarks.
    """
    judged = dict.fromkeys(m for benchmark in found for m in benchmark.models)
    names = [*(m for m in sorts if m in judged), *(m for m in judged if m not in sorts)]
    return {name: Series(name, sorts.get(name, "other"), i) for i, name in enumerate(names)}
