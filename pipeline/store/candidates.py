"""The answers to a question, `results/identify/<question>/`: candidates, tests of such lists, a page, annotations.

`candidates.csv` has a row for each candidate of each portrait and one for "none of these" (rank `none`). A portrait
that a person has decided on has one row with the decision. `known.csv` says how often candidates were right for
portraits of known sitters. `question.json` records the settings and models that were used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import Any

from pipeline.core.errors import SitterError
from pipeline.core.files import each_row, read_csv, write_csv, write_json
from pipeline.core.json_records import object_of, write_object
from pipeline.core.layout import Layout
from pipeline.core.typed_files import from_file
from pipeline.store.questions import QUESTION, Question

CANDIDATES, KNOWN = "candidates.csv", "known.csv"
PAGE, ANNOTATIONS = "index.html", "annotations.json"
NONE = 0
"""The rank of "none of these"."""
NONE_AS_TEXT, ANY_RATIO = "none", "any"
"""The cell for this rank, and the cell of `known.csv` for all likelihood ratios together."""
PROBE_COLUMNS = ("dataset", "image", "status")
COLUMNS = (
    *PROBE_COLUMNS,
    *("rank", "sitter", "sitter_id", "score", "log10_lr", "log10_lr_lowest", "log10_lr_highest", "words", "posterior"),
    *("right", "right_low", "right_high", "warnings", "decision", "truth"),
    *("reference_dataset", "reference"),
)
"""Columns of `candidates.csv`; the columns of the reference image follow, with `reference_` before their names."""
REFERENCE = "reference_"
LAST = ("question", "model", "made_by")
MEASURED = ("score", "log10_lr", "log10_lr_lowest", "log10_lr_highest", "posterior", "right")
"""Columns of `candidates.csv` that a data frame of all columns has as numbers."""
BETWEEN = "; "
"""What separates the warnings in a cell."""
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
    status: str
    rank: int | None
    """The rank from 1; `NONE`; None for the decision of a person."""
    sitter: str
    sitter_id: str = ""
    score: float | None = None
    log10_lr: float | None = None
    log10_lr_lowest: float | None = None
    log10_lr_highest: float | None = None
    words: str = ""
    """The strength of the evidence in words."""
    posterior: float | None = None
    right: float | None = None
    """How often known candidates like this one were right; None if there were none."""
    right_low: float | None = None
    right_high: float | None = None
    warnings: Sequence[str] = ()
    decision: str = ""
    truth: str = ""
    reference_dataset: str = ""
    reference: str = ""
    """The sitter's portrait with the highest score against the probe; empty if there is none."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Columns of the reference image: artist, title, year and whatever else the source has."""
    question: str = ""
    model: str = ""
    made_by: str = ""


@dataclass(frozen=True)
class KnownRow:
    """How often candidates of the same rank with about the same likelihood ratio were right for known sitters."""

    rank: int
    """The rank from 1, or `NONE`."""
    likelihood_ratio: str
    """The range of the ratio in words; empty: all ratios."""
    searches: int
    sitters: int
    claimed: float
    right: float
    right_low: float
    right_high: float


def _read_rows(path: Path) -> list[AnswerRow]:
    return [_row(path, number, text) for number, text in enumerate(each_row(path, COLUMNS), start=2)]


def _row(path: Path, number: int, text: Mapping[str, str]) -> AnswerRow:
    """Return a row of `candidates.csv`, which stands in row `number` of the file."""

    def value(column: str) -> float | None:
        try:
            return float(text[column]) if text[column] else None
        except ValueError:
            raise SitterError(f"{path}, row {number}: {column} is {text[column]!r} and no number.") from None

    def finite(column: str) -> float | None:
        found = value(column)
        return found if found is not None and isfinite(found) else None

    rank = NONE if text["rank"] == NONE_AS_TEXT else value("rank")
    return AnswerRow(
        dataset=text["dataset"],
        image=text["image"],
        status=text["status"],
        rank=None if rank is None else int(rank),
        sitter=text["sitter"],
        sitter_id=text["sitter_id"],
        score=finite("score"),
        log10_lr=finite("log10_lr"),
        log10_lr_lowest=finite("log10_lr_lowest"),
        log10_lr_highest=finite("log10_lr_highest"),
        words=text["words"],
        posterior=finite("posterior"),
        right=value("right"),
        right_low=value("right_low"),
        right_high=value("right_high"),
        warnings=[warning for warning in text["warnings"].split(BETWEEN) if warning],
        decision=text["decision"],
        truth=text["truth"],
        reference_dataset=text["reference_dataset"],
        reference=text["reference"],
        columns={
            column.removeprefix(REFERENCE): cell
            for column, cell in text.items()
            if column.startswith(REFERENCE) and column not in COLUMNS
        },
        question=text.get("question", ""),
        model=text.get("model", ""),
        made_by=text.get("made_by", ""),
    )


def _as_text(row: AnswerRow) -> dict[str, str]:
    return {
        "dataset": row.dataset,
        "image": row.image,
        "status": row.status,
        "rank": "" if row.rank is None else _rank_as_text(row.rank),
        "sitter": row.sitter,
        "sitter_id": row.sitter_id,
        "score": _decimals(row.score, 6),
        "log10_lr": _decimals(row.log10_lr, 4),
        "log10_lr_lowest": _decimals(row.log10_lr_lowest, 4),
        "log10_lr_highest": _decimals(row.log10_lr_highest, 4),
        "words": row.words,
        "posterior": _decimals(row.posterior, 6),
        "right": _decimals(row.right, 4),
        "right_low": _decimals(row.right_low, 4),
        "right_high": _decimals(row.right_high, 4),
        "warnings": BETWEEN.join(row.warnings),
        "decision": row.decision,
        "truth": row.truth,
        "reference_dataset": row.reference_dataset,
        "reference": row.reference,
        **{f"{REFERENCE}{column}": cell for column, cell in row.columns.items()},
        "question": row.question,
        "model": row.model,
        "made_by": row.made_by,
    }


def _known_as_text(row: KnownRow) -> dict[str, str]:
    shares = (_decimals(share, 4) for share in (row.claimed, row.right, row.right_low, row.right_high))
    counts = (_rank_as_text(row.rank), row.likelihood_ratio or ANY_RATIO, str(row.searches), str(row.sitters))
    return dict(zip(KNOWN_COLUMNS, (*counts, *shares), strict=True))


def _rank_as_text(rank: int) -> str:
    return NONE_AS_TEXT if rank == NONE else str(rank)


def _decimals(value: float | None, decimals: int) -> str:
    return "" if value is None else f"{value:.{decimals}f}"


@dataclass(frozen=True)
class QuestionAnswers:
    """The answers to a question: its folder."""

    record: Question = from_file(QUESTION, object_of(Question))
    """Settings, models, and how often candidates were right."""
    rows: list[AnswerRow] = from_file(CANDIDATES, _read_rows)
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
    rows: Sequence[AnswerRow],
    known: Iterable[KnownRow],
    question: Question,
    page: str,
    annotations: Mapping[str, Any],
) -> None:
    """Write the files of a question into an existing folder."""
    further = dict.fromkeys(f"{REFERENCE}{column}" for row in rows for column in row.columns)
    write_csv(folder / CANDIDATES, map(_as_text, rows), [*COLUMNS, *further, *LAST])
    write_csv(folder / KNOWN, map(_known_as_text, known), KNOWN_COLUMNS)
    write_object(folder / QUESTION, question)
    write_json(folder / ANNOTATIONS, annotations)
    (folder / PAGE).write_text(page, encoding="utf-8")


def page_file(name: str, at: Layout) -> Path:
    """Return the path of the page with the sheet of each portrait."""
    return at.identify(name) / PAGE


def read_candidates(name: str, at: Layout) -> list[AnswerRow]:
    """Read the rows of `candidates.csv`.

    Raises:
        SitterError: the file or a column is absent, or a cell is no number where one belongs; the message names it.
    """
    return _read_rows(at.identify(name) / CANDIDATES)


def each_candidate_as_text(name: str, at: Layout) -> Iterator[dict[str, str]]:
    """Yield the rows of `candidates.csv` with all columns, for a table that shows them as they are."""
    return each_row(at.identify(name) / CANDIDATES, COLUMNS)


def read_known(name: str, at: Layout) -> list[KnownRow]:
    """Read how often candidates were right for portraits of known sitters: `known.csv`."""
    found = []
    for row in read_csv(at.identify(name) / KNOWN, KNOWN_COLUMNS):
        rank = NONE if row["rank"] == NONE_AS_TEXT else int(row["rank"])
        ratio = "" if row["likelihood_ratio"] == ANY_RATIO else row["likelihood_ratio"]
        shares = (float(row[column]) for column in ("claimed", "right", "right_low", "right_high"))
        found.append(KnownRow(rank, ratio, int(row["searches"]), int(row["sitters"]), *shares))
    return found
