"""Colours and line styles of the models, the same on the whole page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.params.systems import System
from pipeline.store.benchmarks import Benchmark

COLOURS = 7


@dataclass(frozen=True)
class Series:
    """The look of one model: a colour from the palette, and a line style for its sort."""

    name: str
    sort: str
    """frozen, trained, outside, fusion, or other (a model that the study does not contain)."""
    index: int

    @property
    def css(self) -> str:
        """CSS classes of everything that is drawn for this model."""
        return f"series s{self.index} c{self.index % COLOURS} {self.sort} turn{self.index // COLOURS % 3}"


Styles = Mapping[str, Series]


def series(systems: Mapping[str, System], found: Iterable[Benchmark]) -> dict[str, Series]:
    """Return the look of every evaluated model: the study's systems in its order, then any others.

    Args:
        systems: the systems of the study.
        found: the benchmarks.
    """
    judged = dict.fromkeys(m for benchmark in found for m in benchmark.models)
    names = [*(m for m in systems if m in judged), *(m for m in judged if m not in systems)]
    return {n: Series(n, systems[n].sort if n in systems else "other", i) for i, n in enumerate(names)}
