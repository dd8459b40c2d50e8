"""The answers to a question, `results/identify/<question>/`: candidates, tests of such lists, a page, annotations.

`candidates.csv` has a row for each candidate of each portrait and one for "none of these" (rank `none`). A portrait
that a person has decided on has one row with the decision. `known.csv` says how often candidates were right for
portraits of known sitters. `question.json` records the settings and models that were used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.core.files import read_csv, read_json, write_csv, write_json
from pipeline.core.layout import HERE, Layout
from pipeline.core.typed_files import from_file, rows_of
from pipeline.store.curves import Number

CANDIDATES, KNOWN, QUESTION = "candidates.csv", "known.csv", "question.json"
PAGE, ANNOTATIONS = "index.html", "annotations.json"
NONE = "none"
"""The rank of "none of these"."""
PROBE_COLUMNS = ("dataset", "image", "status")
COLUMNS = (
    *PROBE_COLUMNS,
    *("rank", "sitter", "sitter_id", "score", "log10_lr", "log10_lr_lowest", "log10_lr_highest", "words", "posterior"),
    *("right", "right_low", "right_high", "warnings", "decision", "truth"),
    *("reference_dataset", "reference"),
)
"""Columns of `candidates.csv`; the columns of the reference image follow, with `reference_` before their names."""
LAST = ("question", "model", "made_by")
KNOWN_COLUMNS = (
    *("rank", "likelihood_ratio", "searches", "sitters", "claimed", "right", "right_low", "right_high"),
)  # fmt: skip
OPEN, IDENTIFIED, UNSUITABLE = "unidentified", "identified", "unsuitable"
"""Status of a portrait after the decisions: open, identified by a person, or unsuitable for a search."""


@dataclass(frozen=True)
class AnswerRow:
    """A row of the list of a portrait: a candidate, "none of these" (rank `NONE`), or the decision of a person."""

    dataset: str
    image: str
    rank: str
    sitter: str
    log10_lr: Number
    posterior: Number
    decision: str
    truth: str
    reference_dataset: str
    reference: str
    """The sitter's portrait with the highest score against the probe; empty if there is none."""


@dataclass(frozen=True)
class QuestionAnswers:
    """The answers to a question: its folder."""

    record: Mapping[str, Any] = from_file(QUESTION, read_json)
    """Settings, models, and how often candidates were right."""
    rows: list[AnswerRow] = from_file(CANDIDATES, rows_of(AnswerRow))
    page: Path = from_file(PAGE, Path)

    @cached_property
    def lists(self) -> list[list[AnswerRow]]:
        """The list of each portrait."""
        by_image: dict[tuple[str, str], list[AnswerRow]] = {}
        for row in self.rows:
            by_image.setdefault((row.dataset, row.image), []).append(row)
        return list(by_image.values())


def write_answers(
    folder: Path,
    rows: Sequence[Mapping[str, Any]],
    further: Sequence[str],
    known: Iterable[Mapping[str, Any]],
    question: Mapping[str, Any],
    page: str,
    annotations: Mapping[str, Any],
) -> None:
    """Write the files of a question into an existing folder; `further` names the columns of reference images."""
    write_csv(folder / CANDIDATES, rows, [*COLUMNS, *(f"reference_{column}" for column in further), *LAST])
    write_csv(folder / KNOWN, known, KNOWN_COLUMNS)
    write_json(folder / QUESTION, question)
    write_json(folder / ANNOTATIONS, annotations)
    (folder / PAGE).write_text(page, encoding="utf-8")


def question_file(name: str, at: Layout = HERE) -> Path:
    """Return the path of the record of a question."""
    return at.identify(name) / QUESTION


def read_question(name: str, at: Layout = HERE) -> Any:
    """Read the record of a question: settings, models, and how often candidates were right."""
    return read_json(question_file(name, at))


def read_candidates(name: str, at: Layout = HERE) -> list[dict[str, str]]:
    """Read the rows of `candidates.csv` as text."""
    return read_csv(at.identify(name) / CANDIDATES, COLUMNS)
