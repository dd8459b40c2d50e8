"""Error rates of comparisons alone beside those in which images without a usable face count as rejected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.reporting import numbers
from pipeline.reporting.read import Benchmark, Series
from pipeline.reporting.tables import heading


@dataclass(frozen=True)
class Counted:
    """One figure of one model without failures and with them."""

    style: Series
    alone_name: str
    alone: str
    name: str
    counted: str


@dataclass(frozen=True)
class Failures:
    """The table of a benchmark."""

    rates: str
    """How many images and sitters failed, in a sentence."""
    rows: list[Counted]
    """Empty where none did."""


def failures(benchmark: Benchmark, styles: Mapping[str, Series]) -> Failures | None:
    """The table of a benchmark; None where nobody has kept account of failures."""
    values = next(iter(benchmark.metrics.values()), {})
    rows = [
        Counted(styles[model], alone, _rate(benchmark, model, figure, turned), name, _rate(benchmark, model, counted))
        for model in benchmark.models
        for counted in benchmark.scalars
        if (found := _alone(counted)) and benchmark.value(model, counted) is not None
        for figure, turned, alone, name in (found,)
    ]
    if values.get("failed_pairs") is not None:
        return Failures(f"Of {numbers.count(values['failed_pairs'])} further pairs an image has no usable face.", rows)
    if values.get("fta") is None:
        return None
    fta, fte = (numbers.percent(benchmark.value(benchmark.models[0], rate)) for rate in ("fta", "fte"))
    return Failures(
        f"Failure to acquire (FTA): {fta} of the probe images have no usable face. Failure to enrol (FTE): {fte} of "
        "the gallery's sitters have no image with one.",
        rows,
    )


def _alone(counted: str) -> tuple[str, bool, str, str] | None:
    """Return what a figure with failures stands beside: the figure, whether 1 − it is meant, and both headings."""
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


def _rate(benchmark: Benchmark, model: str, figure: str, turned: bool = False) -> str:
    value, low, high = (benchmark.value(model, f"{figure}{end}") for end in ("", "_low", "_high"))
    if turned:
        value, low, high = (None if v is None else 1 - v for v in (value, high, low))
    return numbers.NONE if value is None else f"{numbers.percent(value)} {numbers.interval(low, high)}".strip()
