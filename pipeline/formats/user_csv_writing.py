"""Writes a user's CSV back in its own form: with its separator, encoding and columns.

A writer takes the lock, reads the file anew, changes rows, and replaces the whole file at once.
"""

from __future__ import annotations

import csv
import io
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.core.errors import SitterError
from pipeline.core.files import atomic_file
from pipeline.formats.user_csv import UserTable

PATIENCE = 10.0
"""Seconds to wait for another writer."""


@contextmanager
def turn(file: Path) -> Iterator[None]:
    """Keep others from writing to a user's file within the block; its folder is made.

    Raises:
        SitterError: another program keeps the lock.
        OSError: the folder cannot be written.
    """
    real = Path(os.path.realpath(file))
    real.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(real.with_name(f".{real.name}.lock"), timeout=PATIENCE)
    try:
        lock.acquire()
    except Timeout:
        raise SitterError(f"{file} is being written by another program: try again in a moment.") from None
    try:
        yield
    finally:
        lock.release()


def write_back(file: Path, table: UserTable | None, columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> None:
    """Replace a user's CSV at once by these rows, so that a reader sees the old file or the new one.

    A link to the file stays a link, and the file keeps its permissions. A file that began with a line `sep=;` gets it
    again, since Excel goes by it.

    Args:
        file: the CSV; it may be absent.
        table: how it was read; None where it was absent.
        columns: the columns of the new file.
        rows: cells by column; absent cells stay empty.

    Raises:
        OSError: the folder or the file cannot be written.
    """
    real = Path(os.path.realpath(file))
    mode = stat.S_IMODE(real.stat().st_mode) if table is not None else None
    separator, encoding = (",", "utf-8") if table is None else (table.separator, table.encoding)
    text = io.StringIO(newline="")
    if table is not None and table.has_separator_line:
        text.write(f"sep={separator}\r\n")
    writer = csv.DictWriter(text, list(columns), restval="", delimiter=separator, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with atomic_file(real) as part:
        part.write_text(text.getvalue(), encoding=encoding, newline="")
    if mode is not None:
        real.chmod(mode)


def make_table(file: Path, columns: Sequence[str]) -> bool:
    """Make a CSV with only a header line, if there is none yet; return whether it was made.

    Raises:
        SitterError, OSError: as `turn` and `write_back` do.
    """
    if file.exists():
        return False
    with turn(file):
        if not file.exists():
            write_back(file, None, columns, [])
            return True
    return False
