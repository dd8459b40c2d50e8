"""Writing a user's CSV back as it was found: with its separator, its encoding and its columns."""

from __future__ import annotations

import csv
import io
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pipeline.core.files import atomic_file
from pipeline.formats.user_csv import UserTable


def write_back(file: Path, table: UserTable | None, columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> None:
    """Replace a user's CSV at once by these rows, so that a reader sees the old file or the new one.

    A link to the file stays a link, and the file keeps its permissions. A file that begins with a line `sep=;` has it
    again, since Excel goes by it.

    Args:
        file: the CSV; it may be absent.
        table: how it was read; None where it was absent.
        columns: of the new file.
        rows: cells by column; what is absent stays empty.

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
