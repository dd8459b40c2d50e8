"""A chapter of the report: all that is shown of one benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from pipeline.reporting import figures
from pipeline.reporting.album import StudyAlbum
from pipeline.reporting.by_group import ByGroup, by_group
from pipeline.reporting.calibration import Calibration, calibration
from pipeline.reporting.declared import Declared, declared
from pipeline.reporting.discard import Discard, discard
from pipeline.reporting.failures import Failures, failures
from pipeline.reporting.gallery import Group, groups
from pipeline.reporting.maps import Map, maps
from pipeline.reporting.numbers import count
from pipeline.reporting.searches import Searched, searched
from pipeline.reporting.series import Series, Styles
from pipeline.reporting.standings import Comparison, Generic, Standings, comparison, everything, listed, standings
from pipeline.reporting.svg import Chart
from pipeline.reporting.thresholds import Choice, thresholds
from pipeline.reporting.verdict import Verdict, verdict
from pipeline.reporting.words import listing
from pipeline.store.benchmarks import Benchmark, Difference

CAPTIONS = {
    "roc": Markup("<b>ROC.</b> Higher is better. Dotted uprights: the FARs of the table; on grey, a FAR rests on fewer "
                  "than 30 impostor pairs."),
    "det": Markup("<b>DET.</b> Lower left is better, both axes on the normal-deviate scale; a curve meets the dotted "
                  "diagonal at its EER."),
    "dir": Markup("<b>Open set.</b> Probes whose sitter comes first and above the threshold, over the FAR of searches "
                  "without a mate."),
    "cmc": Markup("<b>CMC.</b> Probes whose sitter is among the first so many."),
    "nearest_mean": Markup("<b>Nearest training sitter.</b> How far each test image lies from the mean embedding of "
                           "the training sitter most like it. Close to one: the model takes strangers for people it "
                           "knows. The same measure for every model."),
    "nearest_centre": Markup("<b>Nearest class centre.</b> The same to the class centres that the loss has learned, of "
                             "the models whose loss has such."),
}  # fmt: skip
NOTES = {
    "geometry": "Similarities are cosines. Nearest centre: the class centre, as the loss has learned it, most like "
    "image A, or B, of a genuine pair; nearest mean: the training sitter (mean embedding) most like it, which models "
    "of every loss have. Closer to …: how often an image is more like that stranger than like its own pair.",
    "template-pairs": "Templates are several images of one sitter, pooled to one vector; the pairs are those that the "
    "data set's protocol lists.",
    "embedding-map": "Trustworthiness says how far neighbours in the map are neighbours in the embedding space (1: all "
    "are). Beside it: how often the image nearest to one is of the same sitter, in the space and in the map.",
    "linear-probe": "How often a linear classifier tells it from the embedding of a sitter that it has not seen, the "
    "mean over the classes. Around chance, the model does not carry it; far above, two portraits may look alike for "
    "it.",
}
"""What the figures of a kind of benchmark mean, where the table does not say it."""


@dataclass(frozen=True)
class Chapter:
    """All that is shown of one benchmark."""

    data: Benchmark
    about: str
    note: str
    """What its figures mean."""
    trained: list[str]
    """Test sitters whom models have learned from in another data set."""
    table: Standings
    charts: list[tuple[str, Chart]]
    """Name, picture."""
    scores: list[tuple[Series, Chart]]
    declared: Declared | None
    """The tests against the declared baseline."""
    comparison: Comparison | None
    generic: Generic
    tests: list[Difference]
    calibration: Calibration | None
    thresholds: Choice | None
    """Which threshold to use."""
    searched: Searched | None
    """Candidates for a human, and decisions without one."""
    failures: Failures | None
    """Images without a usable face, counted."""
    discard: Discard | None
    """Error against discard."""
    by_group: list[ByGroup]
    """Errors by the columns that the study names."""
    maps: list[Map]
    """Of the embeddings, coloured by a column each."""
    galleries: list[tuple[Series, float | None, list[Group]]]
    """Model, its threshold of equal errors, its pairs."""
    verdict: Verdict | None
    """The best model against its rivals."""


def chapter(
    benchmark: Benchmark, styles: Styles, far: Sequence[float], pairs: int, trained: list[str], album: StudyAlbum
) -> Chapter:
    """Return all that is shown of a benchmark.

    Args:
        benchmark: as it was found.
        styles: how the models look.
        far: FARs that curves mark.
        pairs: how many of the hardest pairs of each sort are shown.
        trained: sentences on test sitters whom models have learned from.
        album: gets the pictures.
    """
    table = standings(benchmark, styles)
    order = [row.style for row in table.rows] or [styles[m] for m in benchmark.models]
    return Chapter(
        data=benchmark,
        about=_about(benchmark, styles),
        note=NOTES.get(benchmark.kind, ""),
        trained=trained,
        table=table,
        charts=figures.charts(benchmark, styles, far),
        scores=[(style, chart) for style in order if (chart := figures.scores(benchmark, style.name))],
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
            (style, benchmark.value(style.name, "eer_threshold"), found)
            for style in order
            if (found := groups(benchmark, style.name, pairs, album))
        ],
        verdict=verdict(benchmark, styles),
    )


def _about(benchmark: Benchmark, styles: Styles) -> str:
    """Kind, data, number of pairs, and which models could not be judged, in a line."""
    words = [benchmark.kind.replace("-", " ")] if benchmark.kind else []
    if benchmark.probe:
        across = benchmark.gallery != benchmark.probe
        words.append(f"{benchmark.probe} against {benchmark.gallery}" if across else benchmark.probe)
    words += [str(predicted)] if (predicted := benchmark.options.get("predict")) else []
    for key in ("genuine", "impostor", "sitters"):
        values = {v for m in benchmark.models if (v := benchmark.value(m, key)) is not None}
        if len(values) == 1:
            words.append(f"{count(values.pop())} {key}{'' if key == 'sitters' else ' pairs'}")
    left_out = [name for name in styles if name not in benchmark.models]
    words += [f"not judged: {listing(left_out)}"] if left_out else []
    return " · ".join(words)
