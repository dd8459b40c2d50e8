"""The page of a question: a sheet for each portrait, and how often such lists of candidates were right.

The page is one file without links to others; each picture is embedded once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from pipeline.identification.answer import Candidate
from pipeline.identification.known import CalibratedCell, KnownSearches
from pipeline.identification.sheets import Sheet, words
from pipeline.reporting.album import Album, EmbeddedPicture
from pipeline.reporting.number_format import count, percent, ratio
from pipeline.reporting.page_templates import templates
from pipeline.store.columns import licence_of
from pipeline.store.credits import caption
from pipeline.store.questions import Question

if TYPE_CHECKING:
    from pipeline.params.identify import Identify

TEMPLATE, STYLE, PAGE_STYLE = "sheets.html.j2", "page.css", "sheets.css"
PORTRAIT = 360
"""Longer side of a whole portrait, in pixels."""


@dataclass(frozen=True)
class ShownCandidate:
    """A candidate on the page."""

    candidate: Candidate
    crop: EmbeddedPicture | None
    caption: list[str]
    ratio: str
    words: str
    right: str
    cautions: Sequence[str]
    said: list[str]
    """Sentences on people's decisions about the candidate."""
    true: bool
    """Whether it is known to be the right answer."""


@dataclass(frozen=True)
class ShownPortrait:
    """A portrait on the page."""

    sheet: Sheet
    anchor: str
    whole: EmbeddedPicture | None
    scale: float
    """Width of the picture divided by the width of the image."""
    caption: list[str]
    candidates: list[ShownCandidate]
    none: ShownCandidate | None
    said: list[str]
    """Sentences on people's decisions about the portrait that concern no candidate on the list."""


@dataclass(frozen=True)
class PicturesHandedIn:
    """What the page says about a user's own pictures."""

    note: str
    """Where the likelihood ratios are from."""
    no_face: Sequence[str]
    """The pictures in which no face was found."""


def page(
    name: str,
    entry: Identify,
    sheets: Sequence[Sheet],
    known: KnownSearches,
    question: Question,
    album: Album,
    handed_in: PicturesHandedIn | None = None,
) -> str:
    """Return the whole page as HTML; it refers to nothing outside itself.

    Args:
        name: the name of the question.
        entry: the options of the question.
        sheets: a sheet for each portrait.
        known: how often candidates were right for known sitters.
        question: the record of the question.
        album: collects the pictures.
        handed_in: about the user's own pictures, if the answers are about such pictures.
    """
    portraits = [_portrait(n, sheet, album, bool(known.cells)) for n, sheet in enumerate(sheets, start=1)]
    folder = Path(__file__).parent
    environment = templates(folder)
    css = "\n".join((folder / style).read_text(encoding="utf-8") for style in (STYLE, PAGE_STYLE))
    return environment.get_template(TEMPLATE).render(
        name=name,
        entry=entry,
        css=Markup(css),  # our own files
        portraits=portraits,
        known=[(_rank(cell.rank), cell.band or "any ratio", cell) for cell in known.cells],
        question=question,
        handed_in=handed_in,
        licences=sorted({licence for columns in _every(sheets) if (licence := licence_of(columns))}),
        pictures=album.pictures,
    )


def _every(sheets: Sequence[Sheet]) -> Iterator[Mapping[str, str]]:
    """Yield the manifest's columns of each picture on the page."""
    for sheet in sheets:
        yield sheet.columns
        yield from (candidate.columns for candidate in sheet.candidates)


def _rank(rank: int) -> str:
    return f"number {rank}" if rank else "none of these"


def _portrait(number: int, sheet: Sheet, album: Album, tried: bool) -> ShownPortrait:
    probe = sheet.answer.probe
    image = sheet.account
    whole = album.portrait(probe.dataset, "" if image is None else image.path, PORTRAIT)
    width = 0 if image is None or image.size is None else image.size[0]
    listed = {c.candidate.sitter for c in sheet.candidates}
    candidates = [
        _shown(
            sheet, c.candidate, album.crop(*c.candidate.reference[:2]) if c.candidate.reference else None,
            caption(c.columns), c.cautions, tried,
        )
        for c in sheet.candidates
    ]  # fmt: skip
    none = None if sheet.answer.none is None else _shown(sheet, sheet.answer.none, None, [], [], tried)
    said = [d.sentence() for d in sheet.answer.decisions if d.sitter not in listed]
    scale = whole.width / width if whole and width else 1.0
    return ShownPortrait(sheet, f"portrait-{number}", whole, scale, caption(sheet.columns), candidates, none, said)


def _shown(
    sheet: Sheet,
    candidate: Candidate,
    crop: EmbeddedPicture | None,
    caption: list[str],
    cautions: Sequence[str],
    tried: bool,
) -> ShownCandidate:
    truth = sheet.truth if sheet.in_gallery else ""
    true = bool(sheet.truth) and candidate.sitter == truth
    said = [d.sentence() for d in sheet.decision_on(candidate.sitter)] if candidate.sitter else []
    return ShownCandidate(
        candidate, crop, caption, ratio(candidate.log10_lr), words(candidate), right(candidate.cell) if tried else "",
        cautions, said, true,
    )  # fmt: skip


def right(cell: CalibratedCell | None) -> str:
    """Return in words how often such candidates were right for known sitters."""
    if cell is None:
        return "no known portrait had such a candidate"
    ends = f"{percent(cell.low, unit=False)}–{percent(cell.high)}"
    return f"{percent(cell.observed)} of {count(cell.searches)} like it were right ({ends})"
