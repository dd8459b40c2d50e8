"""Stage `identify`: who sat for these portraits? Candidates with calibrated evidence, and what people decided of them.

Reads images, faces, splits and one model's embeddings of the data sets of a question, and the decisions in the user's
own CSV; writes to results/identify/QUESTION/: `candidates.csv`, `known.csv` (how often such candidates were right, of
portraits whose sitters are known), `index.html` (a sheet for each portrait), `annotations.json` (for IIIF viewers) and
`question.json`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.errors import SitterError, nearest
from pipeline.core.files import output_folder, sha256
from pipeline.core.nobody import nobody
from pipeline.core.own_files import located
from pipeline.plan.layout import MANIFEST, Layout
from pipeline.store.accounts import each_account
from pipeline.store.columns import DEALT, FOUND, GIVEN, RENDERED
from pipeline.store.splits import each_seated

if TYPE_CHECKING:
    from pipeline.identification.answer import Answers
    from pipeline.identification.decisions import Decision, Image
    from pipeline.identification.question import QuestionPortraits, Seen
    from pipeline.identification.sheets import Sheet
    from pipeline.params import Study
    from pipeline.params.identify import Identify

logger = logging.getLogger(__name__)

Accounts = Mapping[tuple[str, str], Mapping[str, str]]
"""Rows of `faces.csv` by data set and image id."""
OURS = {*GIVEN, *FOUND, *DEALT, *RENDERED}


def run(study: Study, name: str, root: Path = Path()) -> None:
    """Write `results/identify/<name>/` of the project in the working directory, or in `root`.

    Raises:
        SitterError: no such question, nobody to ask about or to answer, a decision about an unknown image or sitter, or
            embeddings are absent or of other images.
    """
    from pipeline.identification.answer import answer
    from pipeline.identification.question import question_portraits
    from pipeline.identification.scores import scorer

    at = Layout(root)
    if name not in study.identify:
        raise SitterError(f"identify has no entry {name!r}; {nearest(name, study.identify)}")
    entry = study.identify[name]
    seen = _seen(study, entry, at)
    learned = _learned(study, entry.model, {one.portrait.sitter for one in seen} - {""}, at)
    portraits = question_portraits(name, entry, seen, learned, study.seed)
    decisions = _decisions(name, entry, portraits)
    score = scorer(entry.model, [*portraits.probes, *portraits.gallery, *portraits.known], at)
    answers = answer(entry, portraits, decisions, learned, score, study.seed)
    if answers.trouble:
        logger.warning(f"identify.{name}: the lists have scores and no likelihood ratios, because {answers.trouble}.")
    write(study, name, portraits, answers, learned, at)
    logger.info(f"{name}: {_sentence(entry, answers)}; look at {at.identify(name) / 'index.html'}")


def _seen(study: Study, entry: Identify, at: Layout) -> list[Seen]:
    """All portraits of the question's data sets."""
    from pipeline.identification.question import Seen
    from pipeline.identification.search import Portrait
    from pipeline.splits.pictures import picture_names

    found = []
    for dataset in dict.fromkeys((*entry.probes, *entry.gallery)):
        picture = picture_names(study, dataset)
        for row in each_seated(dataset, at):
            named = picture({key: str(value) for key, value in row._asdict().items()})
            found.append(Seen(Portrait(dataset, row.image_id, row.sitter, named), row.subset))
    return found


def _learned(study: Study, model: str, sitters: set[str], at: Layout) -> set[str]:
    """The sitters of these that a model has learned from."""
    from pipeline.core.names import same
    from pipeline.splits.trained import taught, training_data

    keys = {key for data in training_data(study, model) for key in taught(data)}
    return {sitter for sitter in sitters if same(sitter) in keys}


def _decisions(name: str, entry: Identify, portraits: QuestionPortraits) -> dict[Image, list[Decision]]:
    if entry.decisions is None:
        return {}
    from pipeline.identification.decisions import read_decisions

    images = [portrait[:2] for portrait in portraits.probes]
    return read_decisions(located(entry.decisions), f"identify.{name}.decisions", images, portraits.sitters)


def write(
    study: Study, name: str, portraits: QuestionPortraits, answers: Answers, learned: set[str], at: Layout
) -> None:
    """Write the files of a question."""
    from pipeline.identification.annotations import annotation_page
    from pipeline.reporting.sheets import page
    from pipeline.store.candidates import write_answers

    entry = study.identify[name]
    accounts = _accounts(answers, at)
    sheets = _sheets(study, entry, answers, accounts, learned, at)
    question = _record(study, name, portraits, answers, at)
    further = list(dict.fromkeys(key for sheet in sheets for c in sheet.candidates for key in c.columns))
    rows = [row | {"question": name, "model": entry.model} for sheet in sheets for row in sheet.rows()]
    notes = annotation_page(name, entry.model, (sheet.annotated(at) for sheet in sheets if sheet.box is not None))
    with output_folder(at.identify(name)) as folder:
        html = page(name, entry, sheets, answers.known, question, at)
        write_answers(folder, rows, further, _known_rows(answers), question, html, notes)


def _accounts(answers: Answers, at: Layout) -> Accounts:
    """Rows of `faces.csv` of the portraits that are shown."""
    wanted = {answer.probe[:2] for answer in answers.answers}
    wanted |= {c.reference[:2] for answer in answers.answers for c in answer.candidates if c.reference}
    found = {}
    for dataset in sorted({dataset for dataset, _ in wanted}):
        for row in each_account(dataset, at=at):
            if (dataset, row["image_id"]) in wanted:
                found[dataset, row["image_id"]] = row
    return found


def _sheets(
    study: Study, entry: Identify, answers: Answers, accounts: Accounts, learned: set[str], at: Layout
) -> list[Sheet]:
    """What is shown of each portrait."""
    from pipeline.identification.cautions import BOUND, COPY, LEARNED, SAME_ARTIST, same_picture, shared_artist
    from pipeline.identification.sheets import CandidateSheet, Sheet
    from pipeline.reporting.doubtful_faces import doubts
    from pipeline.store.faces import FacesById

    faces = FacesById(dict.fromkeys(dataset for dataset, _ in accounts), at)
    is_nobody = nobody(study.nobody.also, study.nobody.names)
    sheets = []
    for answer in answers.answers:
        probe, row = answer.probe, accounts[answer.probe[:2]]
        candidates = []
        for candidate in answer.candidates:
            reference = candidate.reference
            assert reference is not None
            theirs = accounts[reference[:2]]
            cautions = []
            if artist := shared_artist(row, theirs, is_nobody):
                cautions.append(SAME_ARTIST.format(artist=artist))
            if same_picture(faces.crop(*probe[:2])[0], faces.crop(*reference[:2])[0]):
                cautions.append(COPY)
            cautions += [BOUND] * candidate.at_bound + [LEARNED] * (candidate.sitter in learned)
            doubtful = doubts(theirs, study.align[reference.dataset].doubtful)
            cautions += [f"the reference has {doubt}" for doubt in doubtful]
            candidates.append(CandidateSheet(candidate, _columns(theirs), cautions))
        doubtful = doubts(row, study.align[probe.dataset].doubtful)
        pretended = probe.sitter in entry.as_unidentified
        truth = probe.sitter if pretended else ""
        sheets.append(Sheet(answer, candidates, row, _columns(row), doubtful, truth, probe.sitter in answers.sitters))
    return sheets


def _columns(row: Mapping[str, str]) -> dict[str, str]:
    """What the source knows of an image beside its name: artist, title, year and so on."""
    return {key: value for key, value in row.items() if key not in OURS and value}


def _known_rows(answers: Answers) -> list[dict[str, Any]]:
    from pipeline.store.candidates import KNOWN_COLUMNS, NONE

    rows = []
    for cell in answers.known.cells:
        values = (cell.rank or NONE, cell.band or "any", cell.searches, cell.sitters)
        shares = (f"{value:.4f}" for value in (cell.claimed, cell.observed, cell.low, cell.high))
        rows.append(dict(zip(KNOWN_COLUMNS, (*values, *shares), strict=True)))
    return rows


def _record(study: Study, name: str, portraits: QuestionPortraits, answers: Answers, at: Layout) -> dict[str, Any]:
    """The content of `question.json`."""
    entry = study.identify[name]
    known = answers.known
    decided = [answer.final.verdict for answer in answers.answers if answer.final]
    pretended = [a for a in answers.answers if a.probe.sitter in entry.as_unidentified and a.candidates]
    there = [a for a in pretended if a.probe.sitter in answers.sitters]
    absent = [a for a in pretended if a.probe.sitter not in answers.sitters]
    ranks = [next((c.rank for c in a.candidates if c.sitter == a.probe.sitter), 0) for a in there]
    return {
        "question": name,
        **entry.model_dump(mode="json"),
        "model_manifest": sha256(at.model(entry.model) / MANIFEST),
        "portraits": len(answers.answers),
        "accepted": decided.count("accept"),
        "unsuitable": decided.count("unsuitable"),
        "gallery": {"sitters": len(answers.sitters), "portraits": len(portraits.gallery)},
        "known": {
            "portraits": len(portraits.known),
            "sitters": len({p.sitter for p in portraits.known}),
            "calibrated_on": answers.calibrated_on,
            "with_their_sitter_in_the_gallery": known.first[3],
            "first": _rounded(known.first),
            "among": _rounded(known.among),
        },
        "no_ratios_because": answers.trouble,
        "pretended": {
            "in_gallery": len(there),
            "first": sum(rank == 1 for rank in ranks),
            "among": sum(rank > 0 for rank in ranks),
            "not_in_gallery": len(absent),
            "absent": sorted({a.probe.sitter for a in absent}),
            "none_likelier": sum(_none_first(a) for a in absent),
        },
    }  # fmt: skip


def _none_first(answer: Any) -> bool:
    """Whether "none of these" has a larger posterior than every candidate."""
    none = answer.none
    return none is not None and all(none.posterior > (c.posterior or 0) for c in answer.candidates)


def _rounded(share: tuple[float, float, float, int]) -> list[float] | None:
    return [round(value, 4) for value in share[:3]] if share[3] else None


def _sentence(entry: Identify, answers: Answers) -> str:
    decided = sum(answer.final is not None for answer in answers.answers)
    first, _, _, count = answers.known.first
    words = f"{len(answers.answers)} portraits" + (f", {decided} of them decided by people" if decided else "")
    words += f"; candidates from {len(answers.sitters)} sitters by {entry.model}"
    return words + (
        f"; of {count} known portraits the right sitter comes first for {100 * first:.0f} %" if count else ""
    )
