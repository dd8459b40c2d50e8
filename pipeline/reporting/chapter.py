"""A chapter of the report: everything that is shown about one benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from pipeline.reporting import charts
from pipeline.reporting.album import StudyAlbum
from pipeline.reporting.by_group import ByGroup, by_group
from pipeline.reporting.calibration import CalibrationChapter, calibration
from pipeline.reporting.declared import Declared, declared
from pipeline.reporting.discard import Discard, discard
from pipeline.reporting.failures import Failures, failures
from pipeline.reporting.maps import Map, maps
from pipeline.reporting.number_format import count
from pipeline.reporting.pair_gallery import Group, groups
from pipeline.reporting.searches import Searched, searched
from pipeline.reporting.series import Series, Styles
from pipeline.reporting.standings import FigureComparison, Generic, Standings, comparison, everything, listed, standings
from pipeline.reporting.svg import Chart
from pipeline.reporting.thresholds import Choice, thresholds
from pipeline.reporting.verdict import BestModel, verdict
from pipeline.reporting.words import listing
from pipeline.store.benchmarks import Benchmark, Difference
from pipeline.store.curves import CmcCurve, Curve, DetCurve, DirCurve, NearestCentre, NearestMean, RocCurve
from pipeline.store.figure_names import EER_THRESHOLD, GENUINE, IMPOSTOR, SITTERS

SAID: dict[type[Curve], str] = {
    RocCurve: "<b>ROC.</b> Higher is better. Dotted vertical lines: the FARs of the table. Grey: FARs that rest on "
    "fewer than 30 impostor pairs.",
    DetCurve: "<b>DET.</b> Lower left is better. Both axes have the normal-deviate scale; a curve meets the dotted "
    "diagonal at its EER.",
    DirCurve: "<b>Open set.</b> Share of probes with their sitter first and above the threshold, over the FAR of "
    "searches without a mate.",
    CmcCurve: "<b>CMC.</b> Share of probes with their sitter among the first k candidates, over the rank k.",
    NearestMean: "<b>Nearest training sitter.</b> The angle between each test image and the nearest mean embedding of "
    "a training sitter. Small angles: the model takes strangers for people whom it knows. This measure is the same for "
    "every model.",
    NearestCentre: "<b>Nearest class centre.</b> The same angle to the class centres that the loss has learned, for "
    "models with class centres.",
}
CAPTIONS = {curve.name: Markup(said) for curve, said in SAID.items()}  # our own words
NOTES = {
    "geometry": "Similarities are cosines. Nearest centre: the learned class centre with the highest cosine to image "
    "A, or B, of a genuine pair. Nearest mean: the mean embedding of a training sitter with the highest cosine; models "
    "with any loss have it. Closer to …: how often an image is more like this stranger than like its own pair.",
    "template-pairs": "A template is several images of one sitter, pooled to one vector. The data set's protocol lists "
    "the pairs.",
    "embedding-map": "Trustworthiness says how far neighbours in the map are neighbours in the embedding space (1: all "
    "are). Beside it: how often an image's nearest neighbour shows the same sitter, in the space and in the map.",
    "linear-probe": "How often a linear classifier predicts this property from the embeddings of sitters that it was "
    "not trained on: the mean over the classes. Around chance, the embeddings do not contain the property; far above "
    "chance, two portraits may get a high score because they share it.",
}
"""The meaning of the figures of a kind of benchmark, where the table does not explain them."""


@dataclass(frozen=True)
class Chapter:
    """Everything that is shown about one benchmark."""

    data: Benchmark
    about: str
    note: str
    """The meaning of its figures."""
    trained: list[str]
    """Sentences on test sitters whom models were trained on in another data set."""
    table: Standings
    charts: list[tuple[str, Chart]]
    """Name and picture of each curve."""
    scores: list[tuple[Series, Chart]]
    declared: Declared | None
    """The tests against the declared baseline."""
    comparison: FigureComparison | None
    generic: Generic
    tests: list[Difference]
    calibration: CalibrationChapter | None
    thresholds: Choice | None
    """The thresholds to use."""
    searched: Searched | None
    """The tables of identification: candidates for a human, and decisions without a human."""
    failures: Failures | None
    """Error rates that count images without a usable face."""
    discard: Discard | None
    """Error against discard."""
    by_group: list[ByGroup]
    """Errors by the columns that the study names."""
    maps: list[Map]
    """Maps of the embeddings, each coloured by a column."""
    galleries: list[tuple[Series, float | None, list[Group]]]
    """Model, its threshold at the EER, and its hardest pairs."""
    verdict: BestModel | None
    """The best model against its rivals."""


def chapter(
    benchmark: Benchmark, styles: Styles, far: Sequence[float], pairs: int, trained: list[str], album: StudyAlbum
) -> Chapter:
    """Return everything that is shown about a benchmark.

    Args:
        benchmark: the benchmark's results.
        styles: the look of the models.
        far: FARs that are marked in the curves.
        pairs: number of hardest pairs of each sort that are shown.
        trained: sentences on test sitters whom models were trained on.
        album: collects the pictures.
    """
    table = standings(benchmark, styles)
    order = [row.style for row in table.rows] or [styles[m] for m in benchmark.models]
    return Chapter(
        data=benchmark,
        about=_about(benchmark, styles),
        note=NOTES.get(benchmark.kind, ""),
        trained=trained,
        table=table,
        charts=charts.charts(benchmark, styles, far),
        scores=[(style, chart) for style in order if (chart := charts.scores(benchmark, style.name))],
        declared=declared(benchmark, styles),
        comparison=comparison(benchmark, styles),
        generic=everything(benchmark, styles),
        tests=listed(benchmark),
        calibration=calibration(benchmark, styles),
        thresholds=thresholds(benchmark, styles),
        searched=searched(benchmark, styles),
        failures=failures(benchmark, styles),
        discard=discard(benchmark, styles),
        by_group=by_group(benchmark, styles),
        maps=maps(benchmark, styles),
        galleries=[
            (style, benchmark.value(style.name, EER_THRESHOLD), found)
            for style in order
            if (found := groups(benchmark, style.name, pairs, album))
        ],
        verdict=verdict(benchmark, styles),
    )


def _about(benchmark: Benchmark, styles: Styles) -> str:
    """Return one line with kind, data, number of pairs, and the models that were not evaluated."""
    words = [benchmark.kind.replace("-", " ")] if benchmark.kind else []
    if benchmark.probe:
        across = benchmark.gallery != benchmark.probe
        words.append(f"{benchmark.probe} against {benchmark.gallery}" if across else benchmark.probe)
    words += [benchmark.predict] if benchmark.predict else []
    for key in (GENUINE, IMPOSTOR, SITTERS):
        values = {v for m in benchmark.models if (v := benchmark.value(m, key)) is not None}
        if len(values) == 1:
            words.append(f"{count(values.pop())} {key}{'' if key == SITTERS else ' pairs'}")
    left_out = [name for name in styles if name not in benchmark.models]
    words += [f"not judged: {listing(left_out)}"] if left_out else []
    return " · ".join(words)
