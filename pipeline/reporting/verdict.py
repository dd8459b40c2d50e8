"""The answer in words: which model is best on each benchmark, and whether its lead is real."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.reporting.numbers import NBSP, interval, p_value, percent
from pipeline.reporting.read import Benchmark, Difference, Series

EER = "eer"


@dataclass(frozen=True)
class Rival:
    """A model that the best one is compared with."""

    model: str
    role: str
    """What it is: "runner-up", "best frozen model"."""
    eer: str
    test: Difference | None
    """The best model's EER minus this one's."""

    @property
    def judgement(self) -> str:
        """Whether the difference is real, in words."""
        if self.test is None or self.test.difference is None:
            return "the two were not compared by a paired test"
        points = f"{abs(100 * self.test.difference):.1f}{NBSP}points, {p_value(self.test.p)}"
        return f"a real difference ({points})" if self.test.significant else f"a lead that may be chance ({points})"


@dataclass(frozen=True)
class Verdict:
    """What one all-pairs benchmark says."""

    benchmark: str
    best: str
    eer: str
    interval: str
    rivals: list[Rival]


def verdict(benchmark: Benchmark, looks: Mapping[str, Series]) -> Verdict | None:
    """The best model by EER, against the runner-up and the best frozen model; None where no model has an EER."""
    ranked = benchmark.ranked(EER)
    if not ranked:
        return None
    best = ranked[0]
    runner_up = ranked[1] if len(ranked) > 1 else None
    frozen = next((m for m in ranked if looks[m].sort == "frozen"), None)
    roles: dict[str, str] = {}
    if runner_up:
        roles[runner_up] = "the runner-up and best frozen model" if runner_up == frozen else "the runner-up"
    if frozen and frozen not in (best, runner_up):
        roles[frozen] = "the best frozen model"
    return Verdict(
        benchmark=benchmark.name,
        best=best,
        eer=percent(benchmark.value(best, EER)),
        interval=interval(benchmark.value(best, f"{EER}_low"), benchmark.value(best, f"{EER}_high")),
        rivals=[
            Rival(m, role, percent(benchmark.value(m, EER)), benchmark.difference(best, m, EER))
            for m, role in roles.items()
        ],
    )


def headline(verdicts: list[Verdict]) -> list[tuple[str, list[str]]]:
    """The best models, each with the benchmarks that it is best on, most first."""
    wins: dict[str, list[str]] = {}
    for v in verdicts:
        wins.setdefault(v.best, []).append(v.benchmark)
    return sorted(wins.items(), key=lambda item: -len(item[1]))


def on_a_par(benchmark: Benchmark, metric: str, ranked: list[str]) -> set[str]:
    """Models that the paired test does not tell from the best one (the first of `ranked`, which is not among them)."""
    tests = {m: benchmark.difference(ranked[0], m, metric) for m in ranked[1:]}
    return {m for m, test in tests.items() if test is not None and test.p is not None and not test.significant}
