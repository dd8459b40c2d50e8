"""The answer to the question that was declared beforehand: every model against the baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.reporting import numbers
from pipeline.reporting.numbers import NBSP, p_value
from pipeline.reporting.read import Benchmark, Difference, Series
from pipeline.reporting.tables import heading


@dataclass(frozen=True)
class Test:
    """One model against the baseline in one figure."""

    style: Series
    figure: str
    difference: str
    interval: str
    p: str
    verdict: str


@dataclass(frozen=True)
class Declared:
    """The table of one benchmark."""

    baseline: str
    family: int
    """How many comparisons Holm's correction was made over."""
    rows: list[Test]


def declared(benchmark: Benchmark, styles: Mapping[str, Series]) -> Declared | None:
    """The tests against the baseline; None where none was declared, or nothing could be tested."""
    if not benchmark.against_baseline:
        return None
    rows = []
    for t in benchmark.against_baseline:
        is_rate = benchmark.percent(t.metric)
        ends = ""
        if t.low is not None and t.high is not None:
            ends = f"{numbers.signed(t.low, is_rate)} to {numbers.signed(t.high, is_rate)}"
        text, p = numbers.signed(t.difference or 0.0, is_rate), numbers.p_bare(t.p)
        rows.append(Test(styles[t.a], heading(t.metric), text, ends, p, _verdict(benchmark, t)))
    return Declared(benchmark.against_baseline[0].b, len(rows), rows)


def _verdict(benchmark: Benchmark, test: Difference) -> str:
    if not test.significant:
        return "may be chance"
    return "better" if _gain(benchmark, test) > 0 else "worse"


def _gain(benchmark: Benchmark, test: Difference) -> float:
    sign = -1 if benchmark.lower_is_better(test.metric) else 1
    return sign * (test.difference or 0.0)


def answer(found: list[Benchmark]) -> list[str]:
    """The declared question answered, a sentence a benchmark, by the model that gains most in its first figure."""
    sentences = []
    for benchmark in found:
        tests = benchmark.against_baseline
        if not tests:
            continue
        first = [t for t in tests if t.metric == tests[0].metric]
        real = [t for t in first if t.significant]
        best = max(real or first, key=lambda t: _gain(benchmark, t))
        sentences.append(_sentence(benchmark, best, len(first)))
    return sentences


def _sentence(benchmark: Benchmark, test: Difference, models: int) -> str:
    size = abs(test.difference or 0.0)
    kind, _, far = test.metric.partition("@")
    if not test.significant:
        which = "the other model" if models == 1 else f"none of the {models} other models"
        differs = "does not surely differ" if models == 1 else "surely differs"
        return (
            f"On {benchmark.name}, {which} {differs} from the baseline {test.b} in {heading(test.metric)} "
            f"({test.a}: {numbers.signed(test.difference or 0.0, benchmark.percent(test.metric))}, {p_value(test.p)})."
        )
    better = _gain(benchmark, test) > 0
    if kind == "tar":
        what = (
            f"lets {100 * size:.0f} of 100 {'more' if better else 'fewer'} genuine pairs through at {heading(far)} FAR"
        )
        return f"On {benchmark.name}, {test.a} {what} than the baseline {test.b} ({p_value(test.p)})."
    amount = f"{100 * size:.1f}{NBSP}points" if benchmark.percent(test.metric) else f"{size:.3g}"
    return (
        f"On {benchmark.name}, {test.a} is {'better' if better else 'worse'} than the baseline {test.b} by {amount} of "
        f"{heading(test.metric)} ({p_value(test.p)})."
    )
