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
    figures: str
    """In which figures."""
    across: bool
    """Whether these are comparisons on other benchmarks, too."""
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
    family = benchmark.against_baseline[0].family or len(rows)
    figures = " and ".join(dict.fromkeys(row.figure for row in rows))
    return Declared(benchmark.against_baseline[0].b, family, figures, family > len(rows), rows)


def _verdict(benchmark: Benchmark, test: Difference) -> str:
    if not test.significant:
        return "may be chance"
    return "better" if _gain(benchmark, test) > 0 else "worse"


def _gain(benchmark: Benchmark, test: Difference) -> float:
    sign = -1 if benchmark.lower_is_better(test.metric) else 1
    return sign * (test.difference or 0.0)


def answer(found: list[Benchmark]) -> list[str]:
    """Return the answer to the declared question, a sentence a benchmark: does a model beat the baseline?

    The first of the primary figures decides. Of models that are significantly better, the one that gains most is named;
    where none is, the sentence says so, and how many are significantly worse.
    """
    sentences = []
    for benchmark in found:
        tests = benchmark.against_baseline
        if tests:
            first = [t for t in tests if t.metric == tests[0].metric]
            best = max(first, key=lambda t: (t.significant, _gain(benchmark, t)))
            better = best.significant and _gain(benchmark, best) > 0
            sentences.append(_gain_of(benchmark, best) if better else _no_gain(benchmark, first))
    return sentences


def _gain_of(benchmark: Benchmark, test: Difference) -> str:
    size = abs(test.difference or 0.0)
    kind, _, far = test.metric.partition("@")
    if kind == "tar":
        what = (
            f"lets {100 * size:.0f} of 100 more genuine pairs through at {heading(far)} FAR than the baseline {test.b}"
        )
    else:
        amount = f"{100 * size:.1f}{NBSP}points" if benchmark.percent(test.metric) else f"{size:.3g}"
        what = f"is better than the baseline {test.b} by {amount} of {heading(test.metric)}"
    return f"On {benchmark.name}, {test.a} {what} ({p_value(test.p)})."


def _no_gain(benchmark: Benchmark, tests: list[Difference]) -> str:
    nearest = max(tests, key=lambda t: _gain(benchmark, t))
    worse = [t.a for t in tests if t.significant]
    detail = f"{numbers.signed(nearest.difference or 0.0, benchmark.percent(nearest.metric))}, {p_value(nearest.p)}"
    if len(tests) == 1:
        which = f"{nearest.a} is not"
        detail += ", significantly worse" if worse else ""
    else:
        which = f"none of the {len(tests)} other models is"
        detail = f"the nearest is {nearest.a}: {detail}" + (
            f"; significantly worse: {', '.join(worse)}" if worse else ""
        )
    return (
        f"On {benchmark.name}, {which} significantly better than the baseline {nearest.b} in "
        f"{heading(nearest.metric)} ({detail})."
    )
