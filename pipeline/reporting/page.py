"""The page: all that the templates beside this file show, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import yaml
from markupsafe import Markup

from pipeline.reporting import figures, numbers
from pipeline.reporting.account import data_sets, materials, versions
from pipeline.reporting.album import Album
from pipeline.reporting.attributions import explanations
from pipeline.reporting.by_group import ByGroup, by_group
from pipeline.reporting.calibration import Calibration, calibration
from pipeline.reporting.declared import Declared, answer, declared
from pipeline.reporting.discard import Discard, discard
from pipeline.reporting.failures import Failures, failures
from pipeline.reporting.gallery import Group, groups
from pipeline.reporting.maps import Map, maps
from pipeline.reporting.model_cards import model_cards
from pipeline.reporting.numbers import NBSP, count, number, percent
from pipeline.reporting.overlaps import COLUMNS, overlaps
from pipeline.reporting.questions import questions
from pipeline.reporting.read import Benchmark, Series
from pipeline.reporting.searches import Searched, searched
from pipeline.reporting.standings import Cell, Comparison, Listed, Standings, comparison, listed, standings, summary
from pipeline.reporting.sweeps import sweeps
from pipeline.reporting.tables import heading, trained_sitters
from pipeline.reporting.templates import templates
from pipeline.reporting.thresholds import Choice, thresholds
from pipeline.reporting.verdict import certainty, headline, verdict

if TYPE_CHECKING:
    from pipeline.params import Study
    from pipeline.plan.layout import Layout

# Every file that the page is rendered from (so that a change of one counts as a change of the report's code).
TEMPLATES = ("page.html.j2", "macros.html.j2", "summary.html.j2", "benchmark.html.j2", "evidence.html.j2",
             "analysis.html.j2", "sweeps.html.j2", "questions.html.j2")  # fmt: skip
STYLE = "page.css"
SUFFIXES = ("_low", "_high", "_note")
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
SORTS = {
    "frozen": "frozen models",
    "trained": "trained models",
    "outside": "outside systems",
    "fusion": "fusions",
    "other": "others",
}


@dataclass(frozen=True)
class Generic:
    """A table as its file has it, its numbers made readable."""

    columns: list[str]
    rows: list[dict[str, Any]]


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
    percent: bool
    """Whether the figure that ranks is a rate."""
    charts: list[tuple[str, Markup]]
    """Name, picture."""
    scores: list[tuple[Series, Markup]]
    declared: Declared | None
    """The tests against the declared baseline."""
    comparison: Comparison | None
    generic: Generic | None
    tests: list[Listed]
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
    galleries: list[tuple[Series, str, list[Group]]]
    """Model, its threshold of equal errors, its pairs."""


def page(study: Study, found: list[Benchmark], styles: Mapping[str, Series], run: Mapping[str, Any], at: Layout) -> str:
    """The whole page as HTML; it loads nothing from outside, though captions link to the pages of pictures."""
    album = Album(at)
    chapters = [_chapter(study, benchmark, styles, album, run) for benchmark in found]
    tables = {c.data.name: c.table for c in chapters}
    verdicts = [v for b in found if (v := verdict(b, styles)) is not None]
    rows = summary(found, tables, styles)
    made_of = model_cards(study, styles, at)
    sets = data_sets(study, album)
    notes = list(dict.fromkeys(cell.note for row in rows for cell in row.cells if cell.note))
    return _environment().get_template(TEMPLATES[0]).render(
        title=study.report.title,
        css=Markup((Path(__file__).parent / STYLE).read_text(encoding="utf-8")),  # our own file
        styles=styles,
        verdicts=verdicts,
        declared=answer(found),
        headline=headline(verdicts),
        certainty=certainty(verdicts),
        level=f"{100 * float(run.get('level') or study.evaluate.bootstrap.level):g}{NBSP}%",
        replicates=count(number(run.get("replicates")) or study.evaluate.bootstrap.replicates),
        facts=_facts(styles, found),
        benchmarks=chapters,
        anchors={c.data.name: f"benchmark-{i}" for i, c in enumerate(chapters, 1)},
        summary=[{"title": t, "rows": r} for s, t in SORTS.items() if (r := [x for x in rows if x.style.sort == s])],
        columns=sum(len(c.table.columns) for c in chapters),
        starts=_starts(chapters),
        footnotes={note: i for i, note in enumerate(notes, 1)},
        any_pairs=any(c.galleries for c in chapters),
        explained=explanations(study, album, styles),
        overlaps=overlaps(study, album),
        questions=questions(study, album, at),
        sweeps=sweeps(study, found, styles),
        overlap_columns=COLUMNS,
        any_training=any(m.curves for m in made_of),
        model_cards=made_of,
        data_sets=sets,
        materials=materials(study),
        seed=run.get("seed", study.seed),
        versions=versions(study, run, at),
        params=yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=110),
        pictures=album.pictures,
        nbsp=NBSP,
        captions=CAPTIONS,
        count=count,
        percent=percent,
    )  # fmt: skip


def _environment() -> jinja2.Environment:
    environment = templates(Path(__file__).parent)
    environment.filters["listing"] = listing
    return environment


def listing(words: Sequence[str]) -> str:
    """Words as a sentence lists them.

    >>> listing(["a", "b", "c"]), listing(["a"])
    ('a, b and c', 'a')
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _chapter(
    study: Study, benchmark: Benchmark, styles: Mapping[str, Series], album: Album, run: Mapping[str, Any]
) -> Chapter:
    table = standings(benchmark, styles)
    order = [row.style for row in table.rows] or [styles[m] for m in benchmark.models]
    scores = [(style, svg) for style in order if (svg := figures.scores(benchmark, style.name))]
    galleries = [
        (style, numbers.decimal(benchmark.value(style.name, "eer_threshold")), g)
        for style in order
        if (g := groups(benchmark, style.name, study.report.pairs, album))
    ]
    return Chapter(
        data=benchmark,
        about=_about(benchmark, styles),
        note=NOTES.get(benchmark.kind, ""),
        trained=trained_sitters(run, {"probe": benchmark.probe, "gallery": benchmark.gallery}),
        table=table,
        percent=any(benchmark.percent(f) for f in benchmark.figures[:1]),
        charts=figures.charts(benchmark, styles, study.evaluate.far),
        scores=scores,
        declared=declared(benchmark, styles),
        comparison=comparison(benchmark, styles),
        generic=_generic(benchmark, styles),
        tests=listed(benchmark),
        calibration=calibration(benchmark, styles),
        thresholds=thresholds(benchmark, styles),
        searched=searched(benchmark, styles),
        failures=failures(benchmark, styles),
        discard=discard(benchmark, styles),
        by_group=by_group(benchmark, styles),
        maps=maps(benchmark, styles),
        galleries=galleries,
    )


def _about(benchmark: Benchmark, styles: Mapping[str, Series]) -> str:
    """Kind, data, number of pairs, and which models could not be judged, in a line."""
    words = [benchmark.kind.replace("-", " ")] if benchmark.kind else []
    if benchmark.probe:
        across = benchmark.gallery != benchmark.probe
        words.append(f"{benchmark.probe} against {benchmark.gallery}" if across else benchmark.probe)
    words += [benchmark.predicted] if benchmark.predicted else []
    for key in ("genuine", "impostor", "sitters"):
        values = {v for m in benchmark.models if (v := benchmark.value(m, key)) is not None}
        if len(values) == 1:
            words.append(f"{count(values.pop())} {key}{'' if key == 'sitters' else ' pairs'}")
    left_out = [name for name in styles if name not in benchmark.models]
    words += [f"not judged: {listing(left_out)}"] if left_out else []
    return " · ".join(words)


def _facts(styles: Mapping[str, Series], found: list[Benchmark]) -> str:
    sorts = [(sum(style.sort == s for style in styles.values()), title) for s, title in SORTS.items()]
    parts = [f"{n} {title if n > 1 else title.rstrip('s')}" for n, title in sorts if n]
    return f"{', '.join(parts)}, judged on {len(found)} benchmark{'s' if len(found) > 1 else ''}."


def _starts(chapters: list[Chapter]) -> list[int]:
    """Columns of the summary at which a benchmark begins."""
    starts, at = [], 0
    for chapter in chapters:
        starts.append(at)
        at += len(chapter.table.columns)
    return starts


def _generic(benchmark: Benchmark, styles: Mapping[str, Series]) -> Generic | None:
    """The benchmark's CSV table; ends of intervals and notes go into the cells that they belong to."""
    if not benchmark.table:
        return None
    columns = [c for c in benchmark.table[0] if not c.endswith(SUFFIXES)]
    rows = [
        {
            "style": styles.get(row.get("model", "")),
            "first": row[columns[0]],
            "cells": [_readable(benchmark, c, row) for c in columns[1:]],
        }
        for row in benchmark.table
    ]
    return Generic([heading(c) + (", %" if benchmark.percent(c) else "") for c in columns], rows)


def _readable(benchmark: Benchmark, column: str, row: Mapping[str, str]) -> Cell:
    value, is_rate = number(row[column]), benchmark.percent(column)
    if value is None:
        return Cell(row[column] or numbers.NONE)
    if row[column].isdigit() and not is_rate:
        return Cell(count(value))
    ends = numbers.interval(number(row.get(f"{column}_low")), number(row.get(f"{column}_high")), is_rate)
    return Cell(percent(value, unit=False) if is_rate else numbers.decimal(value), ends)
