"""Reads a user's CSV files strictly: every row arrives whole under the right names, or an error names the line.

It reads what spreadsheets write: UTF-8 or UTF-16 with a byte order mark, any line ends, a first line `sep=;`, another
separator than the expected one where the header shows it, blank lines, empty cells beyond the last column, and cells
of several lines. What cannot be read with certainty is refused: other encodings, columns of one name, rows with too
many or too few cells, a carriage return within a cell that is not quoted, and quotes that are not closed where their
cell ends, which would otherwise swallow the rows below them.

Sitter's own tables are read by `pipeline.core.files`, faster and without these checks.
"""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pipeline.core.errors import SitterError
from pipeline.core.names import nfc, same
from pipeline.formats.user_csv_records import encoding_of, records, shown, stated_separator

logger = logging.getLogger(__name__)

SEPARATORS = (",", ";", "\t", "|")
SHOWN = 12

Row = dict[str, str]


@dataclass(frozen=True)
class UserTable:
    """A user's CSV file with a header that has been read and checked."""

    file: Path
    columns: tuple[str, ...]
    """Names of the columns, stripped and in Unicode's composed form; a nameless first column is left out."""
    separator: str
    encoding: str
    header: int
    """Number of the header's last line, counted from 1."""
    width: int
    """Number of cells of the header."""
    places: tuple[int, ...]
    """Positions of the named columns."""
    _nameless: tuple[int, ...]
    """Positions of nameless columns, which must be empty, except a first one: an index that some programs write."""
    _least: int
    """Least number of cells in a row."""
    _hint: str

    @property
    def has_separator_line(self) -> bool:
        """Whether the first line of the file states its separator."""
        return stated_separator(self.file, self.encoding) is not None

    def rows(self) -> Iterator[tuple[int, Row]]:
        """Yield each row's first line, counted from 1 as a text editor does, and its cells by column, exactly.

        Raises:
            SitterError: a row cannot be read with certainty; the message names its line.
        """
        for line, end, cells in islice(records(self.file, self.encoding, self.separator), 1, None):
            if end > line:
                _check_swallowed(self.file, line, cells, self.width, self.separator)
            if len(cells) != self.width:
                self._check_width(line, cells)
                cells += [""] * (self.width - len(cells))
            if any(cells[place].strip() for place in self._nameless):
                raise SitterError(
                    f"{self.file}, line {line}: has a cell below a column without a name: name the column, or quote "
                    f"cells that hold {shown(self.separator)}."
                )
            yield line, {name: cells[place] for name, place in zip(self.columns, self.places, strict=True)}

    def _check_width(self, line: int, cells: Sequence[str]) -> None:
        """Raise SitterError where a row has more or fewer cells than the header, not counting empty ones at its end."""
        if any(cell.strip() for cell in cells[self.width :]):
            raise SitterError(
                f"{self.file}, line {line}: has more cells ({len(cells)}) than the header line ({self.width}): "
                f"put cells that hold {shown(self.separator)} in double quotes{self._hint}."
            )
        if len(cells) < self._least:
            raise SitterError(
                f"{self.file}, line {line}: has {len(cells)} cells, but the header line has {self.width}: is the line "
                "cut off, or broken by a line break outside quotes? Write all cells, also those that are empty."
            )


def open_table(
    file: Path,
    required: Sequence[str],
    separator: str = ",",
    needed: Sequence[str] | None = None,
    hint: str = "",
    quiet: bool = False,
) -> UserTable:
    """Read and check the header of a user's CSV file.

    Args:
        file: the file.
        required: columns that must exist.
        separator: the expected separator of cells. If the header has the required columns only with another one,
            the file is read with that one, and the log says so. A first line `sep=;` names it, too.
        needed: columns that no row may leave out, if they exist; a row may end before others. None: all columns.
        hint: further advice in the message about a row with too many cells.
        quiet: do not log the separator.

    Raises:
        SitterError: the file is absent or not readable as text, a required column is absent, or two columns have one
            name.
    """
    encoding = encoding_of(file)
    expected = stated_separator(file, encoding) or separator
    headers: dict[str, tuple[int, int, list[str]]] = {}
    faults: list[SitterError] = []
    for candidate in dict.fromkeys((expected, *SEPARATORS)):
        try:
            line, end, cells = next(records(file, encoding, candidate), (1, 1, []))
            headers[candidate] = line, end, [nfc(cell).strip() for cell in cells]
        except SitterError as fault:
            faults.append(fault)
    chosen = next((s for s, (*_, names) in headers.items() if set(required) <= set(names)), None)
    if chosen is None:
        if not headers:
            raise faults[0]
        names = max((names for *_, names in headers.values()), key=len)
        missing = [name for name in required if name not in names]
        meant = {name: next((found for found in names if same(found) == same(name)), None) for name in missing}
        mends = [f"write {name} instead of {found}" for name, found in meant.items() if found]
        if len(mends) < len(missing):
            mends.append(f"add a header line with the columns {', '.join(required)}")
        raise SitterError(
            f"{file}: column {', '.join(missing)} is missing; found: {_listed(names) or 'no header line'}. "
            f"In the first line, {' and '.join(mends)}."
        )
    if chosen != expected and not quiet:
        logger.info(f"{file}: its cells are separated by {shown(chosen)}, and it is read so.")
    line, end, names = headers[chosen]
    _check_repeated(file, line, names)
    named = tuple(place for place, name in enumerate(names) if name)
    nameless = tuple(place for place, name in enumerate(names) if not name and place)
    has = [place for place in named if needed is None or names[place] in needed]
    return UserTable(
        file,
        tuple(names[place] for place in named),
        chosen,
        encoding,
        end,
        len(names),
        named,
        nameless,
        1 + max(has, default=-1),
        hint,
    )


def _check_repeated(file: Path, line: int, names: Sequence[str]) -> None:
    seen: dict[str, int] = {}
    for place, name in enumerate(names):
        if name and seen.setdefault(name, place) != place:
            raise SitterError(
                f"{file}, line {line}: the columns {seen[name] + 1} and {place + 1} both have the name "
                f"{name!r}: rename or delete one, so that it is certain which one counts."
            )


def _check_swallowed(file: Path, start: int, cells: Sequence[str], width: int, separator: str) -> None:
    """Refuse a cell of several lines that holds what looks like further rows.

    A quote that is opened by mistake may be closed by another one further down, as by the inches in `30"`. Then the
    lines between look like rows: they have as many cells as the header, and no space after the separators, as a
    sentence would have. They are examined as they stand in the file, with the quotes of the text doubled.
    """
    line = start
    for place, cell in enumerate(cells):
        texts = cell.split("\n")
        further = len(texts) - 1
        for number, text in enumerate(texts if further else ()):
            outside = (place if number == 0 else 0) + (len(cells) - place - 1 if number == further else 0)
            parts = text.rstrip("\r").split(separator)
            if len(parts) > 1 and len(_parsed(text.replace('"', '""'), separator)) + outside == width and _tight(parts):
                raise SitterError(
                    f"{file}, line {line}: a double quote opens a cell there of {further + 1} lines, and "
                    f"line {line + number} within it looks like a row of its own: close the quote where the cell "
                    f"ends. If the line does belong to the text, write a space after {shown(separator)} in it."
                )
        line += further


def _tight(parts: Iterable[str]) -> bool:
    """Whether no part after the first begins with a space."""
    return not any(part[:1].isspace() for part in list(parts)[1:])


def _parsed(text: str, separator: str) -> list[str]:
    """Return the cells of a single line."""
    return next(csv.reader(io.StringIO(text, newline=""), delimiter=separator), [])


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (" …" if len(names) > SHOWN else "")
