"""What the report is made of, as `evaluate` left it: the benchmarks with their figures, tables, curves and pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.errors import SitterError
from pipeline.core.files import read_csv
from pipeline.params.backbones.base import OutsideOptions
from pipeline.reporting.numbers import number
from pipeline.reporting.tables import shown
from pipeline.store.results import METRICS, read_metrics, read_run

if TYPE_CHECKING:
    from pipeline.params import Study

Row = dict[str, str]
COLOURS = 7
CURVES = ("roc", "det", "scores", "cmc", "dir", "nearest_mean", "nearest_centre", "recall",
          "tippett", "reliability", "ece", "epc", "discard", "groups", "map")  # fmt: skip
TRUE = {"true", "1", "yes"}


@dataclass(frozen=True)
class Series:
    """How one model looks on the whole page: its colour from the palette, its line by what sort of model it is."""

    name: str
    sort: str
    """frozen, trained, fusion, or other (such as scores read from a file)."""
    index: int

    @property
    def css(self) -> str:
        """Classes of everything drawn for this model."""
        return f"series s{self.index} c{self.index % COLOURS} {self.sort} turn{self.index // COLOURS % 3}"


@dataclass(frozen=True)
class Difference:
    """A paired comparison: `a` minus `b` on the same sitters."""

    a: str
    b: str
    metric: str
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    significant: bool
    family: int | None = None
    """How many comparisons the p-value was corrected for together."""

    def turned(self) -> Difference:
        """The same, as `b` minus `a`."""
        d, low, high = (None if v is None else -v for v in (self.difference, self.high, self.low))
        return Difference(self.b, self.a, self.metric, d, low, high, self.p, self.significant, self.family)


@dataclass(frozen=True)
class Benchmark:
    """One benchmark and all that is known of it; curves and tables that were not written are empty."""

    name: str
    kind: str
    probe: str
    gallery: str
    scalars: Mapping[str, Mapping[str, Any]]
    """Figure → whether it is a rate (`percent`), and what counts as good (`better`: lower, higher, or None)."""
    metrics: Mapping[str, Mapping[str, Any]]
    """Model → the name of a figure → its value."""
    table: list[Row]
    differences: list[Difference]
    curves: Mapping[str, Mapping[str, list[Row]]]
    """Name of a curve (see `CURVES`) → model → its points."""
    pairs: list[Row]
    against_baseline: list[Difference] = field(default_factory=list)
    """Every other model minus the declared baseline, in the declared figures."""
    predicted: str = ""
    """The column that a `linear-probe` predicts."""

    @property
    def models(self) -> list[str]:
        """Models that were judged, in the file's order."""
        return list(self.metrics)

    def value(self, model: str, metric: str) -> float | None:
        """One figure; None where the data could not support it."""
        return number(self.metrics.get(model, {}).get(metric))

    def difference(self, a: str, b: str, metric: str) -> Difference | None:
        """The paired comparison of two models, as `a` minus `b`."""
        for found in self.differences:
            if found.metric == metric and {found.a, found.b} == {a, b} and a != b:
                return found if found.a == a else found.turned()
        return None

    @property
    def figures(self) -> list[str]:
        """The figures that models are judged by; the first ranks them."""
        return shown(self.scalars)

    def percent(self, metric: str) -> bool:
        """Whether a figure is a rate."""
        return bool(self.scalars.get(metric, {}).get("percent"))

    def lower_is_better(self, metric: str) -> bool:
        """What counts as good."""
        return bool(self.scalars.get(metric, {}).get("better") == "lower")

    def ranked(self, metric: str) -> list[str]:
        """Models that have this figure, the best first; equals in the file's order."""
        sign = 1 if self.lower_is_better(metric) else -1
        known = [(sign * v, i, m) for i, m in enumerate(self.models) if (v := self.value(m, metric)) is not None]
        return [m for _, _, m in sorted(known)]


def benchmarks(folder: Path, study: Study) -> list[Benchmark]:
    """Every benchmark in `metrics.json`, those of the study first and in its order.

    Raises:
        SitterError: there are no results, or `metrics.json` does not hold models below benchmarks.
    """
    path = folder / METRICS
    if not path.exists():
        raise SitterError(f"{path} does not exist, so there is nothing to report: run the stage `evaluate` first.")
    metrics = read_metrics(folder)
    if not _is_nested(metrics, depth=2):
        raise SitterError(f"{path} should hold {{benchmark: {{model: {{figure: value}}}}}}: run `evaluate` again.")
    if not metrics:
        raise SitterError(f"{path} holds no benchmark: name one under `evaluate.benchmarks` and run `evaluate` again.")
    known, about = study.evaluate.benchmarks, read_run(folder).get("benchmarks", {})
    order = [b for b in known if b in metrics] + [b for b in metrics if b not in known]
    return [_benchmark(folder, name, metrics[name], about.get(name, {})) for name in order]


def _is_nested(value: Any, depth: int) -> bool:
    return isinstance(value, dict) and (depth == 0 or all(_is_nested(v, depth - 1) for v in value.values()))


def _benchmark(folder: Path, name: str, metrics: dict[str, Any], about: Mapping[str, Any]) -> Benchmark:
    probe = str(about.get("probe") or about.get("dataset") or "")
    return Benchmark(
        name=name,
        kind=str(about.get("kind", "")),
        probe=probe,
        gallery=str(about.get("gallery") or probe),
        predicted=str(about.get("predict") or ""),
        scalars=about.get("scalars", {}),
        metrics=metrics,
        table=_rows(folder / "tables" / f"{name}.csv"),
        differences=[_difference(row) for row in _rows(folder / "tables" / f"{name}-differences.csv")],
        against_baseline=[_difference(row) for row in _rows(folder / "tables" / f"{name}-baseline.csv")],
        curves={curve: _by_model(_rows(folder / "curves" / f"{curve}-{name}.csv")) for curve in CURVES},
        pairs=_rows(folder / "pairs" / f"{name}.csv"),
    )


def _rows(path: Path) -> list[Row]:
    """Rows of a file that need not be there: a benchmark may have no curves, or no pairs."""
    return read_csv(path) if path.exists() else []


def _by_model(rows: list[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.get("model", ""), []).append(row)
    return found


def _difference(row: Row) -> Difference:
    difference, low, high, p = (number(row.get(column)) for column in ("difference", "low", "high", "p"))
    significant = row.get("significant", "").strip().lower() in TRUE
    names = row.get("model_a", ""), row.get("model_b", ""), row.get("metric", "")
    family = number(row.get("family"))
    return Difference(*names, difference, low, high, p, significant, None if family is None else int(family))


def series(study: Study, found: list[Benchmark]) -> dict[str, Series]:
    """The look of every model: those of the study in its order, fusions after them, then any others with results."""
    judged = [m for b in found for m in b.models]
    names = [m for m in (*study.models, *study.fuse) if m in judged]
    names += [m for m in dict.fromkeys(judged) if m not in names]
    return {name: Series(name, _sort(study, name), i) for i, name in enumerate(names)}


def _sort(study: Study, name: str) -> str:
    if name in study.fuse:
        return "fusion"
    if name not in study.models:
        return "other"
    if isinstance(study.models[name].backbone, OutsideOptions):
        return "outside"
    return "frozen" if study.models[name].adaptation.kind == "none" else "trained"
