"""The records of a user's CSV file, with their lines: its encoding, line ends, stated separator and quotes.

What cannot be read with certainty is refused with its line: other encodings than UTF-8 and UTF-16 with a byte order
mark, NUL characters, a carriage return within a cell that is not quoted, and quotes that are not closed where their
cell ends.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from pipeline.core.errors import SitterError

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, since it begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
SEPARATOR_LINE = re.compile(r'"?sep=(?P<separator>[^\w\r\n"])"?(?P=separator)*\s*', re.IGNORECASE)
BEGINNING = 1 << 20
"""Number of first bytes from which the encoding and the line ends are recognised."""


def encoding_of(file: Path) -> str:
    """Return the name of a file's encoding by its byte order mark, UTF-8 where it has none."""
    try:
        with open(file, "rb") as opened:
            start = opened.read(4)
    except FileNotFoundError:
        raise SitterError(f"{file} does not exist: name the file that is meant.") from None
    except IsADirectoryError:
        raise SitterError(f"{file} is a folder: name a CSV file.") from None
    return next((encoding for mark, encoding in MARKS if start.startswith(mark)), "utf-8")


def _lines(file: Path, encoding: str) -> Iterator[str]:
    """Yield the lines of a file with their ends; carriage returns end lines only where nothing else does."""
    with open(file, "rb") as opened:
        beginning = opened.read(BEGINNING).decode(encoding, errors="ignore")
    end = "\r" if "\r" in beginning and "\n" not in beginning else "\n"
    try:
        with open(file, encoding=encoding, newline=end) as text:
            for number, line in enumerate(text, start=1):
                if "\0" in line:
                    raise SitterError(
                        f"{file}, line {number}: holds a NUL character: the file is no text, is damaged, or is UTF-16 "
                        "without a byte order mark. Save it as CSV UTF-8."
                    )
                yield line if end == "\n" else line.replace("\r", "\n")
    except UnicodeDecodeError:
        raise SitterError(_undecodable(file, encoding)) from None


def _undecodable(file: Path, encoding: str) -> str:
    """Say where the text of a file ends to fit its encoding."""
    content = file.read_bytes()
    mend = "save it as CSV UTF-8, which spreadsheets offer when saving."
    try:
        content.decode(encoding.removesuffix("-sig"))
    except UnicodeDecodeError as error:
        if b"\0" in content[:BEGINNING] and encoding.startswith("utf-8"):
            return f"{file} holds NUL bytes: it is no text, or UTF-16 without a byte order mark: {mend}"
        if not encoding.startswith("utf-8"):
            return f"{file} is damaged: its {encoding.upper()} text breaks off at byte {error.start}: {mend}"
        line, byte = content.count(b"\n", 0, error.start) + 1, content[error.start : error.start + 1]
        meant = byte.decode("cp1252", errors="replace")
        return (
            f"{file}, line {line}: is not UTF-8: byte {error.start} is 0x{byte.hex().upper()}, which would be "
            f"{meant!r} in Windows-1252: {mend}"
        )
    return f"{file} cannot be read as {encoding.upper()}: {mend}"


def stated_separator(file: Path, encoding: str) -> str | None:
    """Return the separator that a first line `sep=;` states, as Excel writes and reads it."""
    found = SEPARATOR_LINE.fullmatch(next(_lines(file, encoding), ""))
    return found["separator"] if found else None


def records(file: Path, encoding: str, separator: str) -> Iterator[tuple[int, int, list[str]]]:
    """Yield first line, last line and cells of each record that is not blank; a line `sep=;` is no record."""
    lines = _lines(file, encoding)
    skipped = 0
    if stated_separator(file, encoding) is not None:
        next(lines)
        skipped = 1
    reader = csv.reader(lines, delimiter=separator, strict=True)
    start = skipped + 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            where = start, reader.line_num + skipped
            raise SitterError(_broken(file, encoding, separator, *where, str(error))) from None
        end = reader.line_num + skipped
        if any(cell.strip() for cell in cells):
            yield start, end, cells
        start = end + 1


def _broken(file: Path, encoding: str, separator: str, start: int, end: int, said: str) -> str:
    """Say in plain words what the parser stumbled over in the lines from `start` to `end`."""
    if "new-line character" in said:
        return (
            f"{file}, line {end}: holds a carriage return in the middle of a row: delete it, or put the cell that it "
            "belongs to in double quotes."
        )
    never = "unexpected end of data" in said
    opened = _where_quote_opens(file, encoding, separator, start, end if never else end - 1)
    if never or "field larger" in said:
        return (
            f"{file}, line {opened}: a double quote opens a cell there and is never closed, so that the rows below "
            'would go into the cell: close it, or write "" for a quote that belongs to the text.'
        )
    if opened < end:
        return (
            f"{file}, line {opened}: a double quote opens a cell there and is closed only in line {end}, so that the "
            'rows between would go into the cell: close it, or write "" for a quote that belongs to the text.'
        )
    return (
        f"{file}, line {end}: text follows after the double quote that closes a cell, where {shown(separator)} or the "
        'end of the line was expected: write "" for a quote that belongs to the text.'
    )


def _where_quote_opens(file: Path, encoding: str, separator: str, start: int, end: int) -> int:
    """Return the line in which the cell begins that is still open at the end of the lines from `start` to `end`."""
    there = list(islice(_lines(file, encoding), start - 1, end))
    if not there:
        return start
    try:  # without `strict`, an open cell simply ends with the data
        *_, cells = csv.reader(there, delimiter=separator)
    except csv.Error:
        return start
    return end - cells[-1].removesuffix("\n").count("\n")


def shown(separator: str) -> str:
    """Return how a message names a separator."""
    return {"\t": "a tab", ",": "a comma", ";": "a semicolon"}.get(separator, repr(separator))
