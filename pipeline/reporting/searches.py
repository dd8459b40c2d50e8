"""The two uses of identification: a list of candidates for a human, and a decision without a human.

The two tables follow NIST's evaluations (FRTE 1:N). In investigation, a person looks at the k best candidates, whatever
their scores. In identification, the first candidate counts if its score reaches a threshold.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.reporting.headings import heading
from pipeline.reporting.number_format import count
from pipeline.reporting.series import Series, Styles
from pipeline.reporting.standings import FigureCell, rate_cell
from pipeline.store.benchmarks import Benchmark
from pipeline.store.figure_names import (
    DIR,
    FNIR,
    FNIR_THRESHOLD,
    GALLERY,
    GALLERY_SITTERS,
    MATED,
    PROBES,
    RANK,
    THRESHOLD,
    UNMATED,
    at,
    missed,
    parted,
    rank,
)


@dataclass(frozen=True)
class Automatic:
    """The result of one model at one FPIR."""

    style: Series
    fpir: str
    """The highest FPIR that the threshold allows, as text."""
    threshold: float | None
    fnir: FigureCell


@dataclass(frozen=True)
class Searched:
    """Both tables of a benchmark."""

    size: str
    """A sentence on the size of the gallery and the number of searches.

    One probe can be searched twice: with its sitter in the gallery, and with all images of its sitter left out.
    """
    ranks: list[str]
    """Headings of the columns of the first table."""
    human: list[tuple[Series, list[FigureCell]]]
    """Model, and its FNIR for each number of candidates."""
    automatic: list[Automatic]


def searched(benchmark: Benchmark, styles: Styles) -> Searched | None:
    """Return both tables of a benchmark; None where it searches no gallery."""
    ranks = [figure for figure in benchmark.shown if figure.startswith(RANK)]
    models = [model for model in benchmark.models if model in styles]
    if benchmark.kind != "identification" or not ranks or not models:
        return None
    rates = [figure for figure in benchmark.shown if parted(figure)[0] == DIR]
    human = [(styles[model], [_missed(benchmark, model, missed(k), k) for k in ranks]) for model in models]
    automatic = [_automatic(benchmark, styles[model], parted(rate)[1]) for model in models for rate in rates]
    names = ["the first" if k == rank(1) else f"the first {k.removeprefix(RANK)}" for k in ranks]
    return Searched(_size(benchmark, models[0]), names, human, [row for row in automatic if row.fnir.value is not None])


def _automatic(benchmark: Benchmark, style: Series, far: str) -> Automatic:
    counted, alone = (benchmark.value(style.name, at(kind, far)) for kind in (FNIR_THRESHOLD, THRESHOLD))
    limit = alone if counted is None else counted
    return Automatic(style, heading(far), limit, _missed(benchmark, style.name, at(FNIR, far), at(DIR, far)))


def _missed(benchmark: Benchmark, model: str, counted: str, found: str) -> FigureCell:
    """Return the FNIR: the figure that counts failures if there is one, else 1 minus the share that was found."""
    if benchmark.value(model, counted) is not None:
        return rate_cell(benchmark, model, counted)
    return rate_cell(benchmark, model, found, turned=True)


def _size(benchmark: Benchmark, model: str) -> str:
    counts = (PROBES, GALLERY, GALLERY_SITTERS, MATED, UNMATED)
    probes, images, sitters, mated, unmated = (count(benchmark.value(model, name) or 0) for name in counts)
    return (
        f"{probes} probes against a gallery of {images} images of {sitters} sitters: {mated} searches with the probe's "
        f"sitter in the gallery, and {unmated} searches without."
    )
