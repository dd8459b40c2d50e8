"""The answer in words: which model is best on each benchmark, and whether its lead is statistically significant."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.reporting.series import Styles
from pipeline.store.benchmarks import Benchmark, Difference

RUNNER_UP = "runner\N{NON-BREAKING HYPHEN}up"
FROZEN = "best frozen model"


@dataclass(frozen=True)
class Rival:
    """A model that the best one is compared with."""

    model: str
    role: str
    """`RUNNER_UP`, `FROZEN`, or both."""
    value: float | None
    test: Difference | None
    """The paired test: the best model's figure minus this model's figure."""


@dataclass(frozen=True)
class BestModel:
    """The best model on one benchmark, and its rivals."""

    benchmark: str
    figure: str
    best: str
    value: float | None
    low: float | None
    high: float | None
    rivals: list[Rival]


def verdict(benchmark: Benchmark, styles: Styles) -> BestModel | None:
    """Return the best model with its comparisons against the runner-up and the best frozen model.

    Return None if no model has the ranking figure, or if this figure is no rate: a measure of the shape of the
    embedding space says that a model is different, not that it is better.
    """
    figure = next(iter(benchmark.figures), "")
    ranked = benchmark.ranked(figure)
    if not ranked or not benchmark.percent(figure):
        return None
    best = ranked[0]
    runner_up = ranked[1] if len(ranked) > 1 else None
    frozen = next((m for m in ranked if styles[m].sort == "frozen"), None)
    roles: dict[str, str] = {}
    if runner_up:
        roles[runner_up] = f"{RUNNER_UP} and {FROZEN}" if runner_up == frozen else RUNNER_UP
    if frozen and frozen not in (best, runner_up):
        roles[frozen] = FROZEN
    rivals = [
        Rival(m, role, benchmark.value(m, figure), benchmark.difference(best, m, figure)) for m, role in roles.items()
    ]
    ends = benchmark.interval(best, figure)
    return BestModel(benchmark.name, figure, best, benchmark.value(best, figure), *ends, rivals)


def headline(verdicts: list[BestModel]) -> list[tuple[str, list[str]]]:
    """Return the best models, each with the benchmarks that it is best on; the model with the most comes first."""
    wins: dict[str, list[str]] = {}
    for v in verdicts:
        wins.setdefault(v.best, []).append(v.benchmark)
    return sorted(wins.items(), key=lambda item: -len(item[1]))


def certainty(verdicts: list[BestModel]) -> str:
    """Return whether the best models' leads are significant, over all benchmarks; empty where nothing was tested."""
    found: dict[str, list[str]] = {}
    for role in (FROZEN, RUNNER_UP):
        tests = [r.test for v in verdicts for r in v.rivals if role in r.role and r.test is not None]
        if tests:
            significant = sum(test.significant for test in tests)
            where = _where(significant or len(tests), len(tests), len(verdicts))
            found.setdefault(f"{'is significant' if significant else 'may be chance'}{where}", []).append(
                f"over the {role}"
            )
    parts = [f"{' and '.join(roles)} {judgement}" for judgement, roles in found.items()]
    return f"The lead {', the lead '.join(parts)}." if parts else ""


def _where(part: int, tested: int, benchmarks: int) -> str:
    """Return in words on how many benchmarks this holds, among those with a test; no model is tested against itself."""
    if benchmarks == 1:
        return ""
    if tested < benchmarks:
        share = f"{part} of the {tested}" if part < tested else f"the {tested}" if tested > 1 else "the one"
        return f" on {share} benchmark{'s' if tested > 1 else ''} where it is another model"
    return f" on {part} of {tested} benchmarks" if part < tested else f" on {_all(tested)} benchmarks"


def _all(number: int) -> str:
    return "both" if number == 2 else f"all {number}"
