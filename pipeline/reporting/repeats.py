"""Mean and standard deviation over trainings that differ only by their seed (`sweep: {training.seed: [...]}`).

The interval of a single model shows how far its figures depend on the test sitters; the standard deviation here shows
how far they depend on the random start and on the order of the batches.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from pipeline.params.sweep import SEED, Swept
from pipeline.reporting.headings import heading
from pipeline.reporting.number_format import NONE, decimal, percent
from pipeline.reporting.tables import aligned
from pipeline.store.benchmarks import Benchmark


@dataclass(frozen=True)
class Repeated:
    """A model, or a fusion, that was trained with several seeds."""

    name: str
    """The entry of params.yaml, followed by the values of other swept fields."""
    models: tuple[str, ...]
    """The models, one for each seed."""


@dataclass(frozen=True)
class Spread:
    """A figure over the seeds."""

    mean: float
    deviation: float
    """Standard deviation of one training (n − 1 in the denominator)."""
    count: int
    """Number of trainings that have the figure."""

    @property
    def error(self) -> float:
        """Standard error of the mean."""
        return self.deviation / math.sqrt(self.count)


def repeated(sweeps: Mapping[str, Swept], judged: Sequence[str]) -> list[Repeated]:
    """Return the models among `judged` that were trained with several seeds, one entry for all seeds of a model."""
    groups: dict[tuple[str, str], list[str]] = {}
    for model in judged:
        swept = sweeps.get(model)
        if swept is not None and SEED in swept.values:
            others = {field.rsplit(".", 1)[-1]: value for field, value in swept.values.items() if field != SEED}
            key = swept.entry, ", ".join(f"{field} {json.dumps(value)}" for field, value in others.items())
            groups.setdefault(key, []).append(model)
    return [
        Repeated(f"{entry} ({values})" if values else entry, tuple(models))
        for (entry, values), models in groups.items()
        if len(models) > 1
    ]


def spread(benchmark: Benchmark, models: Sequence[str], figure: str) -> Spread | None:
    """Return the mean and deviation of a figure over models; None where fewer than two of them have it."""
    values = [v for m in models if (v := benchmark.value(m, figure)) is not None]
    return Spread(mean(values), stdev(values), len(values)) if len(values) > 1 else None


def words(found: Spread | None, is_rate: bool) -> str:
    """Return mean ± standard deviation as text, rates in percent.

    >>> words(Spread(0.1234, 0.0056, 5), True), words(Spread(2.5, 0.25, 5), False), words(None, True)
    ('12.3 ± 0.6', '2.50 ± 0.250', '–')
    """
    if found is None:
        return NONE
    number = (lambda x: percent(x, unit=False)) if is_rate else decimal
    return f"{number(found.mean)} ± {number(found.deviation)}"


def over_seeds(sweeps: Mapping[str, Swept], found: Sequence[Benchmark]) -> list[str]:
    """Return a table for each benchmark as lines of text; no lines where no model was trained with several seeds."""
    lines = []
    for benchmark in found:
        rows = [
            [one.name, str(len(one.models)),
             *(words(spread(benchmark, one.models, f), benchmark.percent(f)) for f in benchmark.figures)]
            for one in repeated(sweeps, benchmark.models)
        ]  # fmt: skip
        if rows:
            headings = [heading(f) + (", %" if benchmark.percent(f) else "") for f in benchmark.figures]
            lines += ["", f"{benchmark.name}, over seeds (mean ± standard deviation of a training; same test sitters)"]
            lines += aligned([["model", "seeds", *headings], *rows])
    return lines
