"""Error rates of comparisons alone beside generalised ones, where images without a usable face count as rejected."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.reporting.headings import heading
from pipeline.reporting.series import Series, Styles
from pipeline.reporting.standings import FigureCell, rate_cell
from pipeline.store.benchmarks import Benchmark
from pipeline.store.figure_names import (
    ACCURACY,
    DIR,
    EER,
    FAILED_PAIRS,
    FMR,
    FNIR,
    FNMR,
    FTA,
    FTE,
    GACCURACY,
    GEER,
    GFAR,
    GFRR,
    GVAL,
    RANK,
    TAR,
    VAL,
    at,
    is_chosen,
    missed,
    parted,
)


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
    first = next(iter(benchmark.models), "")
    failed_pairs, fta, fte = (benchmark.value(first, name) for name in (FAILED_PAIRS, FTA, FTE))
    rows = [
        Counted(
            styles[model],
            alone,
            rate_cell(benchmark, model, figure, turned),
            name,
            rate_cell(benchmark, model, counted),
        )
        for model in benchmark.models
        for counted in benchmark.shown
        if (found := _alone(counted)) and benchmark.value(model, counted) is not None
        for figure, turned, alone, name in (found,)
    ]
    if failed_pairs is None and fta is None:
        return None
    return Failures(None if failed_pairs is None else int(failed_pairs), fta, fte, rows)


def _alone(counted: str) -> tuple[str, bool, str, str] | None:
    """Return the counterpart of a figure that counts failures; None if there is none.

    The result is the name of the figure of comparisons alone, whether 1 minus this figure is meant, and both headings.
    """
    kind, far = parted(counted)
    if kind == GEER:
        return EER, False, heading(EER), heading(counted)
    if kind in (GACCURACY, GVAL):
        alone = {GACCURACY: ACCURACY, GVAL: VAL}[kind]
        figure = at(alone, far) if far else alone
        return figure, False, heading(figure), heading(counted)
    if kind == GFRR and not is_chosen(far):
        return at(TAR, far), True, f"FNMR at FMR {heading(far)}", f"GFRR at GFAR {heading(far)}"
    if kind in (GFRR, GFAR):
        figure = at(FNMR if kind == GFRR else FMR, far)
        return figure, False, heading(figure), heading(counted)
    if kind == FNIR:
        return at(DIR, far), True, f"1 − DIR at FPIR {heading(far)}", f"FNIR at FPIR {heading(far)}"
    if counted.startswith(missed(RANK)):
        figure = counted.removeprefix(missed(""))
        return figure, True, f"1 − {figure}", f"FNIR, {figure}"
    return None
