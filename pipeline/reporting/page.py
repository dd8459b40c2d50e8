"""The page of the report: compute what the templates beside this file show, and render them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

import jinja2
import yaml
from markupsafe import Markup

from pipeline.reporting.account import data_set
from pipeline.reporting.album import StudyAlbum
from pipeline.reporting.attributions import explanations
from pipeline.reporting.chapter import CAPTIONS, Chapter, chapter
from pipeline.reporting.declared import answer
from pipeline.reporting.findings import Findings
from pipeline.reporting.model_cards import model_cards
from pipeline.reporting.number_format import NBSP
from pipeline.reporting.overlaps import COLUMNS, overlaps
from pipeline.reporting.page_templates import templates
from pipeline.reporting.questions import questions
from pipeline.reporting.series import Styles
from pipeline.reporting.standings import summary
from pipeline.reporting.sweeps import sweeps
from pipeline.reporting.tables import trained_sitters
from pipeline.reporting.verdict import certainty, headline
from pipeline.reporting.words import listing

# All templates of the page: a change of any of them counts as a change of the report's code.
TEMPLATES = ("page.html.j2", "macros.html.j2", "summary.html.j2", "benchmark.html.j2", "evidence.html.j2",
             "analysis.html.j2", "sweeps.html.j2", "questions.html.j2")  # fmt: skip
STYLE = "page.css"
SORTS = {
    "frozen": "frozen models",
    "trained": "trained models",
    "outside": "outside systems",
    "fusion": "fusions",
    "other": "others",
}


def page(found: Findings, album: StudyAlbum) -> str:
    """Return the whole page as HTML. It loads nothing from outside; captions link to the sources of pictures.

    Args:
        found: everything that the page shows.
        album: collects the pictures in the order in which they are used.
    """
    outcome, styles, evaluation = found.outcome, found.styles, found.outcome.results.evaluation
    benchmarks = outcome.results.benchmarks
    chapters = [
        chapter(benchmark, styles, found.far, found.pairs, trained_sitters(evaluation, benchmark), album)
        for benchmark in benchmarks
    ]
    verdicts = [c.verdict for c in chapters if c.verdict is not None]
    rows = summary({c.data.name: c.table for c in chapters}, styles)
    cards = model_cards(found.models, styles)
    notes = dict.fromkeys(cell.note for row in rows for cell in row.cells if cell.note)
    asked = found.explain
    return _environment().get_template(TEMPLATES[0]).render(
        title=found.title,
        css=Markup((Path(__file__).parent / STYLE).read_text(encoding="utf-8")),  # our own file
        styles=styles,
        verdicts=verdicts,
        declared=answer(benchmarks),
        headline=headline(verdicts),
        certainty=certainty(verdicts),
        level=f"{100 * evaluation.level:g}{NBSP}%",
        replicates=evaluation.replicates,
        facts=_facts(styles, len(chapters)),
        benchmarks=chapters,
        anchors={c.data.name: f"benchmark-{i}" for i, c in enumerate(chapters, 1)},
        summary=[{"title": t, "rows": r} for s, t in SORTS.items() if (r := [x for x in rows if x.style.sort == s])],
        columns=sum(len(c.table.figures) for c in chapters),
        starts=_starts(chapters),
        footnotes={note: i for i, note in enumerate(notes, 1)},
        any_pairs=any(c.galleries for c in chapters),
        data_sets=[data_set(images, album) for images in found.data_sets],
        explained=explanations(asked.method, asked.models[0], found.attributions, album, styles) if asked else None,
        overlaps=overlaps(outcome.overlaps, album),
        questions=questions(outcome.questions, album),
        sweeps=sweeps(outcome.swept, benchmarks, styles),
        overlap_columns=COLUMNS,
        any_training=any(card.curves for card in cards),
        model_cards=cards,
        materials=found.materials,
        seed=evaluation.seed,
        versions=_versions(found.versions),
        params=yaml.safe_dump(found.params, sort_keys=False, allow_unicode=True, width=110),
        pictures=album.pictures,
        captions=CAPTIONS,
    )  # fmt: skip


def _environment() -> jinja2.Environment:
    environment = templates(Path(__file__).parent)
    environment.filters["listing"] = listing
    return environment


def _facts(styles: Styles, benchmarks: int) -> str:
    sorts = [(sum(style.sort == s for style in styles.values()), title) for s, title in SORTS.items()]
    parts = [f"{n} {title if n > 1 else title.rstrip('s')}" for n, title in sorts if n]
    return f"{', '.join(parts)}, judged on {benchmarks} benchmark{'s' if benchmarks > 1 else ''}."


def _starts(chapters: Sequence[Chapter]) -> list[int]:
    """Return the columns of the summary at which a benchmark begins."""
    starts, at = [], 0
    for one in chapters:
        starts.append(at)
        at += len(one.table.figures)
    return starts


def _versions(recorded: Mapping[str, Sequence[Mapping[str, str]]]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return for each sort of output the packages and their versions; several versions where the records differ."""
    found = []
    for what, records in recorded.items():
        by_package: dict[str, set[str]] = {}
        for package, version in chain.from_iterable(record.items() for record in records):
            by_package.setdefault(package, set()).add(str(version))
        if by_package:
            found.append((what, [(package, " and ".join(sorted(every))) for package, every in by_package.items()]))
    return found
