"""The record of a question, `results/identify/<question>/question.json`: settings, and how good the lists are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pipeline.core.json_records import read_object, unwritten
from pipeline.core.layout import Layout

QUESTION = "question.json"


@dataclass(frozen=True)
class GallerySize:
    """The size of the gallery."""

    sitters: int
    portraits: int


class Share(NamedTuple):
    """The share of the portraits for which something is right, with the two ends of its interval."""

    share: float
    low: float
    high: float


@dataclass(frozen=True)
class KnownPortraits:
    """The portraits of known sitters on which the lists were tested, and the result of these tests."""

    portraits: int
    sitters: int
    calibrated_on: int
    """Number of sitters on whom likelihood ratios were fitted."""
    with_their_sitter_in_the_gallery: int
    first: Share | None
    """How often the right sitter comes first; None if no portrait has its sitter in the gallery."""
    among: Share | None
    """How often the right sitter is among the listed candidates."""


@dataclass(frozen=True)
class Pretended:
    """The portraits of known sitters that are treated as unidentified, and the answers for them."""

    in_gallery: int
    """Number of portraits whose sitters are in the gallery."""
    first: int
    """For how many of these portraits the right sitter comes first."""
    among: int
    """For how many of these portraits the right sitter is among the listed candidates."""
    not_in_gallery: int
    absent: Sequence[str]
    """The sitters who are not in the gallery, sorted."""
    none_likelier: int
    """For how many portraits of these sitters "none of these" is the likeliest answer."""


@dataclass(frozen=True)
class Question:
    """The record of a question: the fields of its entry in `params.yaml`, then the answers in numbers."""

    question: str
    """The name of the question."""
    probes: Sequence[str]
    gallery: GallerySize
    """The size of the gallery, in place of the data sets that the entry names."""
    model: str
    as_unidentified: Sequence[str]
    without: Sequence[str]
    pooling: str
    normalise: bool
    calibration: str
    candidates: int
    """Candidates in the list of each portrait."""
    prior: float
    decisions: str | None
    portraits: int
    """Number of portraits that were asked about."""
    accepted: int
    """Number of portraits that people have identified."""
    unsuitable: int
    """Number of portraits that people have set aside."""
    known: KnownPortraits
    no_ratios_because: str
    """Why there are no likelihood ratios; empty if there are some."""
    pretended: Pretended
    model_manifest: str | None = unwritten()
    """The checksum of the model's manifest; None for answers that no stage has written."""


def question_file(name: str, at: Layout) -> Path:
    """Return the path of the record of a question."""
    return at.identify(name) / QUESTION


def read_question(name: str, at: Layout) -> Question:
    """Read the record of a question.

    Raises:
        SitterError: the question has not been answered, or its record is incomplete; the message names the file.
    """
    return read_object(question_file(name, at), Question)
