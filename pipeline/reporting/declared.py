"""Tests of every model against the baseline that the study declared beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.reporting.headings import heading
from pipeline.reporting.number_format import NBSP, p_value, signed
from pipeline.reporting.series import Series, Styles
from pipeline.store.benchmarks import Benchmark, Difference
from pipeline.store.figure_names import TAR, parted


@dataclass(frozen=True)
class Test:
    """The comparison of one model with the baseline in one figure."""

    style: Series
    difference: Difference
    is_rate: bool
    verdict: str


@dataclass(frozen=True)
class Declared:
    """The table of one benchmark."""

    baseline: str
    family: int
    """Number of comparisons in the family that Holm's correction was made for."""
    figures: list[str]
    """The figures that are compared."""
    across: bool
    """Whether the family contains comparisons on other benchmarks, too."""
    rows: list[Test]


def declared(benchmark: Benchmark, styles: Styles) -> Declared | None:
    """Return the tests against the baseline; None where no baseline was declared or nothing could be tested."""
    if not benchmark.against_baseline:
        return None
    tests = benchmark.against_baseline
    rows = [Test(styles[t.model_a], t, benchmark.percent(t.metric), _verdict(benchmark, t)) for t in tests]
    family, figures = tests[0].family or len(rows), list(dict.fromkeys(t.metric for t in tests))
    return Declared(tests[0].model_b, family, figures, family > len(rows), rows)


def _verdict(benchmark: Benchmark, test: Difference) -> str:
    if not test.significant:
        return "may be chance"
    return "better" if _gain(benchmark, test) > 0 else "worse"


def _gain(benchmark: Benchmark, test: Difference) -> float:
    sign = -1 if benchmark.lower_is_better(test.metric) else 1
    return sign * (test.difference or 0.0)


def answer(found: Sequence[Benchmark]) -> list[str]:
    """Return one sentence for each benchmark: does a model beat the declared baseline?

    The first primary figure decides. If models are significantly better, the sentence names the one with the largest
    gain. If none is, the sentence says so and names the models that are significantly worse.
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
    kind, far = parted(test.metric)
    if kind == TAR:
        more = f"lets {100 * size:.0f} of 100 more genuine pairs through at {heading(far)} FAR"
        what = f"{more} than the baseline {test.model_b}"
    else:
        amount = f"{100 * size:.1f}{NBSP}points" if benchmark.percent(test.metric) else f"{size:.3g}"
        what = f"is better than the baseline {test.model_b} by {amount} of {heading(test.metric)}"
    return f"On {benchmark.name}, {test.model_a} {what} ({p_value(test.p)})."


def _no_gain(benchmark: Benchmark, tests: list[Difference]) -> str:
    nearest = max(tests, key=lambda t: _gain(benchmark, t))
    worse = [t.model_a for t in tests if t.significant]
    detail = f"{signed(nearest.difference or 0.0, benchmark.percent(nearest.metric))}, {p_value(nearest.p)}"
    if len(tests) == 1:
        which = f"{nearest.model_a} is not"
        detail += ", significantly worse" if worse else ""
    else:
        which = f"none of the {len(tests)} other models is"
        detail = f"the nearest is {nearest.model_a}: {detail}" + (
            f"; significantly worse: {', '.join(worse)}" if worse else ""
        )
    return (
        f"On {benchmark.name}, {which} significantly better than the baseline {nearest.model_b} in "
        f"{heading(nearest.metric)} ({detail})."
    )
