"""Record decisions in the user's CSV while others read it or write to it.

Each change reads the file anew under a lock, changes the rows of one portrait and replaces the whole file atomically.
So two browsers, or a browser and a spreadsheet, lose no change of each other. Rows of other portraits, further columns,
separator and encoding stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.core.errors import SitterError
from pipeline.core.names import nfc
from pipeline.formats.user_csv import Row, open_table
from pipeline.formats.user_csv_writing import make_table, turn, write_back
from pipeline.identification.decisions import COLUMNS, NEEDED, Decision, ImageKey, Verdict, read_decisions


class Outdated(SitterError):
    """A portrait's decisions have changed since the person looked at them."""


@dataclass(frozen=True)
class DecisionFile:
    """The file with the decisions on a question, and the images and sitters that they may be about."""

    file: Path
    field: str
    """The field of params.yaml that names the file, for messages."""
    images: Sequence[ImageKey]
    sitters: Sequence[str]

    def read(self) -> dict[ImageKey, list[Decision]]:
        """Return the decisions by image; none if the file does not exist yet. Errors are as in `read_decisions`."""
        return read_decisions(self.file, self.field, self.images, self.sitters) if self.file.exists() else {}

    def make(self) -> bool:
        """Make the file with only its header line, if there is none yet; return whether it was made.

        Raises:
            SitterError: another process does not release the file.
            OSError: it cannot be written.
        """
        return make_table(self.file, COLUMNS)


@dataclass(frozen=True)
class Change:
    """The rows of a portrait before a change and after it."""

    image: ImageKey
    before: tuple[Row, ...]
    after: tuple[Row, ...]


@dataclass(frozen=True)
class Said:
    """A person's verdict on a portrait, or on a portrait and a sitter."""

    verdict: Verdict
    sitter: str = ""
    by: str = ""
    when: str = ""
    evidence: str = ""

    def row(self, image: ImageKey) -> Row:
        """Return the verdict as a row of the file."""
        cells = (image[1], self.verdict, self.sitter, image[0], self.by, self.when, self.evidence)
        return dict(zip(COLUMNS, cells, strict=True))


def decide(at: DecisionFile, image: ImageKey, said: Sequence[Said], seen: str | None = None) -> Change:
    """Record a person's verdicts on a portrait, and remove the earlier verdicts that they contradict.

    A new verdict on a sitter replaces the earlier one. A portrait is accepted as one sitter only: `accept` removes an
    earlier acceptance, and also `unsuitable` and `unsure` of the portrait as a whole. These in turn remove an
    acceptance.

    Args:
        at: the file.
        image: the portrait.
        said: the verdicts.
        seen: `fingerprint` of the decisions that the person has looked at; None: do not compare.

    Raises:
        Outdated: somebody else has decided on the portrait in the meantime.
        SitterError: the file has an error, or stays locked.
        OSError: the file cannot be written.
    """
    return _change(at, image, lambda kept: _joined(kept, [one.row(image) for one in said]), seen)


def withdraw(at: DecisionFile, image: ImageKey, sitters: Sequence[str], seen: str | None = None) -> Change:
    """Remove the verdicts on a portrait and these sitters ("": the portrait as a whole). Errors are as in `decide`."""
    return _change(at, image, lambda kept: [row for row in kept if _cell(row, "sitter") not in sitters], seen)


def undo(at: DecisionFile, change: Change) -> Change:
    """Put a portrait's rows back as they were before a change.

    Raises:
        Outdated: the rows have been changed again since.
        SitterError, OSError: as in `decide`.
    """

    def back(kept: list[Row]) -> list[Row]:
        if [_filled(row) for row in kept] != [_filled(row) for row in change.after]:
            raise Outdated("It cannot be undone: the decisions on this portrait have been changed again since.")
        return list(change.before)

    return _change(at, change.image, back, None)


def fingerprint(decisions: Sequence[Decision]) -> str:
    """Return a text that differs if the decisions on a portrait differ.

    >>> fingerprint([Decision(7, "accept", "Ann", "", "", "")])
    '[["accept", "Ann", "", "", ""]]'
    """
    import json

    return json.dumps([[d.verdict, d.sitter, d.by, d.when, d.evidence] for d in decisions])


def _change(at: DecisionFile, image: ImageKey, edit: Callable[[list[Row]], list[Row]], seen: str | None) -> Change:
    with turn(at.file):
        decisions = at.read().get(image, [])
        if seen is not None and seen != fingerprint(decisions):
            raise Outdated("Somebody else has decided on this portrait in the meantime: look again, then decide.")
        table = open_table(at.file, NEEDED, needed=COLUMNS, quiet=True) if at.file.exists() else None
        rows = [] if table is None else list(table.rows())
        lines = {decision.line for decision in decisions}
        before = [row for line, row in rows if line in lines]
        after = edit(before)
        columns = [*(table.columns if table else ()), *(c for c in COLUMNS if not table or c not in table.columns)]
        write_back(at.file, table, columns, [*(row for line, row in rows if line not in lines), *after])
        return Change(image, tuple(before), tuple(after))


def _joined(kept: Sequence[Row], new: Sequence[Row]) -> list[Row]:
    """Return the rows of a portrait with new rows added, and without the rows that these contradict."""
    sitters = {row["sitter"] for row in new}
    final = any(row["verdict"] in ("accept", "unsuitable") or not row["sitter"] for row in new)
    stays = [
        row
        for row in kept
        if _cell(row, "sitter") not in sitters
        and not (final and (_cell(row, "verdict").lower() in ("accept", "unsuitable") or not _cell(row, "sitter")))
    ]
    return [*stays, *new]


def _cell(row: Mapping[str, str], column: str) -> str:
    return nfc((row.get(column) or "").strip())


def _filled(row: Mapping[str, str]) -> dict[str, str]:
    """Return a row without its empty cells."""
    return {column: cell for column, cell in row.items() if cell}
