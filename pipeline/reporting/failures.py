"""Error rates of comparisons alone beside generalised ones, where images without a usable face count as rejected."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.reporting.series import Series, Styles
from pipeline.reporting.standings import FigureCell, rate_cell
from pipeline.reporting.tables import heading
from pipeline.store.benchmarks import Benchmark


@dataclass(frozen=True)
class Counted:
    """One figure of one model: of comparisons alone, and with failures counted."""

    style: Series
    alone_name: str
    alone: FigureCell
    name: str
    counted: FigureCell


@dataclass(frozen=True)
class Failures:
    """The table of a benchmark."""

    failed_pairs: int | None
    """Number of further pairs in which an image has no usable face; None if the benchmark does not list its pairs."""
    fta: float | None
    fte: float | None
    rows: list[Counted]
    """Empty where failures change no figure."""


def failures(benchmark: Benchmark, styles: Styles) -> Failures | None:
    """Return the table of a benchmark; None where failures were not counted."""
    values = next(iter(benchmark.metrics.values()), {})
    rows = [
        Counted(
            styles[model],
            alone,
            rate_cell(benchmark, model, figure, turned),
            name,
            rate_cell(benchmark, model, counted),
        )
        for model in benchmark.models
        for counted in benchmark.scalars
        if (found := _alone(counted)) and benchmark.value(model, counted) is not None
        for figure, turned, alone, name in (found,)
    ]
    if values.get("failed_pairs") is None and values.get("fta") is None:
        return None
    return Failures(values.get("failed_pairs"), values.get("fta"), values.get("fte"), rows)


def _alone(counted: str) -> tuple[str, bool, str, str] | None:
    """Return the counterpart of a figure that counts failures; None if there is none.

    The result is the name of the figure of comparisons alone, whether 1 minus this figure is meant, and both headings.
    """
    kind, _, far = counted.partition("@")
    if kind == "geer":
        return "eer", False, heading("eer"), heading(counted)
    if kind in ("gaccuracy", "gval"):
        return counted[1:], False, heading(counted[1:]), heading(counted)
    if kind == "gfrr" and not far.startswith("val_"):
        return f"tar@{far}", True, f"FNMR at FMR {heading(far)}", f"GFRR at GFAR {heading(far)}"
    if kind == "gfrr":
        return f"fnmr@{far}", False, heading(f"fnmr@{far}"), heading(counted)
    if kind == "gfar":
        return f"fmr@{far}", False, heading(f"fmr@{far}"), heading(counted)
    if kind == "fnir":
        return f"dir@{far}", True, f"1 − DIR at FPIR {heading(far)}", f"FNIR at FPIR {heading(far)}"
    if kind.startswith("fnir-"):
        return kind[5:], True, f"1 − {kind[5:]}", f"FNIR, {kind[5:]}"
    return None
