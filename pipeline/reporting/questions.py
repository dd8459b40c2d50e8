"""Who sat for unidentified portraits, in the report and on the terminal: the first candidate of each portrait."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.plan.layout import HERE, Layout
from pipeline.reporting.album import Album, spread
from pipeline.reporting.gallery import Side
from pipeline.reporting.numbers import NBSP, NONE, number, percent
from pipeline.reporting.sheets import ratio
from pipeline.reporting.tables import aligned
from pipeline.store.candidates import NONE as NONE_OF_THESE
from pipeline.store.candidates import PAGE, question_file, read_candidates, read_question

if TYPE_CHECKING:
    from pipeline.params import Study

ABSENT = ", not in the gallery"
SHOWN = 12
"""Portraits that are shown; the question's own page has all."""


@dataclass(frozen=True)
class First:
    """A portrait, and what its list says first."""

    probe: Side
    reference: Side | None
    sitter: str
    """The first candidate, or whom a person has accepted."""
    ratio: str
    posterior: str
    none: str
    """Posterior of "none of these"."""
    truth: str
    decision: str


@dataclass(frozen=True)
class Question:
    """One entry under `identify`."""

    name: str
    model: str
    page: str
    sentences: list[str]
    firsts: list[First]
    portraits: int
    candidates: int


def questions(study: Study, album: Album | None, at: Layout = HERE) -> list[Question]:
    """Return every question that has been answered, in the study's order; without an album without pictures."""
    return [_question(name, album, at) for name in study.identify if question_file(name, at).exists()]


def lines(study: Study, at: Layout = HERE) -> list[str]:
    """Return the same for the terminal: a table and some sentences for each question."""
    found = []
    for question in questions(study, None, at):
        head = ["portrait", "first candidate", "ratio", "posterior", "none of these", "in truth"]
        rows = [
            [f.probe.image_id, f.sitter or f.decision, f.ratio, f.posterior, f.none, f.truth] for f in question.firsts
        ]
        columns = len(head) - (not any(row[-1] for row in rows))
        shown = f"{len(rows)} of {question.portraits}" if len(rows) < question.portraits else str(question.portraits)
        about = f"{shown} portraits; {question.candidates} candidates, compared by {question.model}"
        found.append(f"{question.name} (who sat? {about})")
        found += aligned([row[:columns] for row in [head, *rows]])
        found += [*question.sentences, f"all candidates with their pictures: {question.page}", ""]
    return found


def _question(name: str, album: Album | None, at: Layout) -> Question:
    record = read_question(name, at)
    by_image: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in read_candidates(name, at):
        by_image.setdefault((row["dataset"], row["image"]), []).append(row)
    firsts = [_first(rows, record["pretended"]["absent"], album) for rows in spread(list(by_image.values()), SHOWN)]
    page = (at.identify(name) / PAGE).as_posix()
    sitters = int(record["gallery"]["sitters"])
    return Question(name, record["model"], page, sentences(record), firsts, len(by_image), sitters)


def _first(rows: list[dict[str, str]], absent: Collection[str], album: Album | None) -> First:
    head = next((row for row in rows if row["rank"] != NONE_OF_THESE), rows[0])
    none = next((row for row in rows if row["rank"] == NONE_OF_THESE), {})
    reference = None
    if head["reference"]:
        dataset, image_id = head["reference_dataset"], head["reference"]
        who = head["sitter"]
        reference = Side.of(album, dataset, image_id, who) if album else Side(image_id, who, None)
    asked = head["image"]
    probe = Side.of(album, head["dataset"], asked, "") if album else Side(asked, "", None)
    posteriors = (number(row.get("posterior")) for row in (head, none))
    first, nobody = (NONE if value is None else percent(value) for value in posteriors)
    return First(
        probe, reference, head["sitter"], ratio(number(head["log10_lr"])) or NONE, first, nobody,
        head["truth"] + (ABSENT if head["truth"] in absent else ""), head["decision"],
    )  # fmt: skip


def sentences(record: Mapping[str, Any]) -> list[str]:
    """Return what is said of a question as a whole, from its `question.json`."""
    known, pretended, candidates = record["known"], record["pretended"], record["candidates"]
    found = []
    if pretended["in_gallery"]:
        found.append(
            f"of {pretended['in_gallery']} portraits whose sitter is known, and in the gallery, the right one comes "
            f"first for {pretended['first']} and among the first {candidates} for {pretended['among']}"
        )
    if pretended["not_in_gallery"] and not record["no_ratios_because"]:
        found.append(
            f"of {pretended['not_in_gallery']} whose sitter is not there, “none of these” is the likeliest answer for "
            f"{pretended['none_likelier']}"
        )
    if known["first"]:
        shares = [[percent(value, unit=False) for value in known[key]] for key in ("first", "among")]
        first, among = (f"{value}{NBSP}% [{low}, {high}]" for value, low, high in shares)
        found.append(
            f"of {known['with_their_sitter_in_the_gallery']} other portraits of known sitters, each sitter counted "
            f"once, the right one comes first for {first} and among the first {candidates} for {among}"
        )
    decided = [f"{record[key]} {word}" for key, word in (("accepted", "identified"), ("unsuitable", "set aside"))]
    if record["accepted"] or record["unsuitable"]:
        found.append(f"people have decided: {', '.join(decided)}")
    if record["no_ratios_because"]:
        found.append(f"there are no likelihood ratios, because {record['no_ratios_because']}")
    return found
