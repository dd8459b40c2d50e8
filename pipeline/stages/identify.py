"""Stage `identify`: who sat for these portraits? It lists candidates with calibrated evidence, and people's decisions.

The stage reads images, faces, splits and one model's embeddings of the data sets of a question, and the decisions in
the user's own CSV. It writes to results/identify/QUESTION/: `candidates.csv`, `known.csv` (how often such candidates
were right for portraits of known sitters), `index.html` (a sheet for each portrait), `annotations.json` (for IIIF
viewers) and `question.json`.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import SitterError, nearest
from pipeline.core.files import output_folder, sha256
from pipeline.core.layout import MANIFEST, Layout
from pipeline.core.nobody import nobody

if TYPE_CHECKING:
    from pipeline.identification.answer import Answers
    from pipeline.identification.question import QuestionPortraits
    from pipeline.identification.sheets import Sheet
    from pipeline.params import Study
    from pipeline.params.identify import Identify
    from pipeline.store.candidates import KnownRow

logger = logging.getLogger(__name__)


def run(study: Study, name: str, root: Path = Path()) -> None:
    """Write `results/identify/<name>/` of the project in the working directory, or in `root`.

    Raises:
        SitterError: there is no such question, it has no probes or no gallery, a decision names an unknown image or
            sitter, or embeddings are absent or of other images.
    """
    from pipeline.answering.portraits import decisions, learned, seen
    from pipeline.identification.answer import answer
    from pipeline.identification.question import question_portraits
    from pipeline.identification.scores import scorer
    from pipeline.store.candidates import page_file

    at = Layout.of(study, root)
    if name not in study.identify:
        raise SitterError(f"identify has no entry {name!r}; {nearest(name, study.identify)}")
    entry = study.identify[name]
    every = seen(study, (*entry.probes, *entry.gallery), at)
    taught = learned(study, entry.model, {one.portrait.sitter for one in every} - {""}, at)
    portraits = question_portraits(name, entry, every, taught, study.seed)
    decided = decisions(name, entry, portraits, at)
    score = scorer(entry.model, [*portraits.probes, *portraits.gallery, *portraits.known], at)
    answers = answer(entry, portraits, decided, taught, score, study.seed)
    if answers.trouble:
        logger.warning(f"identify.{name}: the lists have scores and no likelihood ratios, because {answers.trouble}.")
    write(study, name, portraits, answers, taught, at)
    logger.info(f"{name}: {_sentence(entry, answers)}; look at {page_file(name, at)}")


def write(
    study: Study, name: str, portraits: QuestionPortraits, answers: Answers, learned: set[str], at: Layout
) -> None:
    """Write the files of a question."""
    from pipeline.answering.sheets import record
    from pipeline.faces.project_pictures import ProjectPictures
    from pipeline.identification.annotations import annotation_page
    from pipeline.reporting.album import Album
    from pipeline.reporting.sheets import page
    from pipeline.store.candidates import write_answers

    entry = study.identify[name]
    told = _sheets(study, entry, answers, learned, at)
    question = replace(
        record(entry, answers, name, len(portraits.gallery), portraits.known),
        model_manifest=sha256(at.model(entry.model) / MANIFEST),
    )
    rows = [row for sheet in told for row in sheet.rows(name, entry.model)]
    notes = annotation_page(name, entry.model, (sheet.annotated(at) for sheet in told if sheet.box is not None))
    with output_folder(at.identify(name)) as folder:
        html = page(name, entry, told, answers.known, question, Album(ProjectPictures(at)))
        write_answers(folder, rows, _known_rows(answers), question, html, notes)


def _sheets(study: Study, entry: Identify, answers: Answers, learned: set[str], at: Layout) -> list[Sheet]:
    """Return the sheet of each portrait."""
    from pipeline.answering.portraits import accounts
    from pipeline.answering.sheets import ShownPortraits, sheets
    from pipeline.store.faces import FacesById

    wanted = {answer.probe[:2] for answer in answers.answers}
    wanted |= {c.reference[:2] for answer in answers.answers for c in answer.candidates if c.reference}
    rows = accounts(wanted, at)
    faces = FacesById(dict.fromkeys(dataset for dataset, _ in rows), at)
    shown = ShownPortraits(
        rows,
        lambda portrait: faces.crop(*portrait[:2])[0],
        lambda dataset: study.align[dataset].doubtful,
        nobody(study.nobody.also, study.nobody.names),
    )
    return sheets(answers, shown, learned, entry.as_unidentified)


def _known_rows(answers: Answers) -> list[KnownRow]:
    from pipeline.store.candidates import KnownRow

    return [
        KnownRow(c.rank, c.band, c.searches, c.sitters, c.claimed, c.observed, c.low, c.high)
        for c in answers.known.cells
    ]


def _sentence(entry: Identify, answers: Answers) -> str:
    decided = sum(answer.final is not None for answer in answers.answers)
    first, _, _, count = answers.known.first
    words = f"{len(answers.answers)} portraits" + (f", {decided} of them decided by people" if decided else "")
    words += f"; candidates from {len(answers.sitters)} sitters by {entry.model}"
    return words + (
        f"; the right sitter comes first for {100 * first:.0f} % of {count} known portraits" if count else ""
    )
