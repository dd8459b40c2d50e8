"""How the models look on the whole page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.params.systems import System
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


def series(systems: Mapping[str, System], found: Iterable[Benchmark]) -> dict[str, Series]:
    """Return the look of every model that was judged: those of the study in its order, then any others.

    Args:
        systems: those of the study.
        found: the benchmarks.
    """
    judged = dict.fromkeys(m for benchmark in found for m in benchmark.models)
    names = [*(m for m in systems if m in judged), *(m for m in judged if m not in systems)]
    return {n: Series(n, systems[n].sort if n in systems else "other", i) for i, n in enumerate(names)}
