"""The table of a manifest source: a user's CSV of files or URLs, checked row by row before anything is fetched."""

from __future__ import annotations

import csv
import hashlib
import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from pipeline.artifacts import read_csv
from pipeline.errors import SitterError, nearest
from pipeline.sources.images import check_id
from pipeline.sources.local import check_url

OWN = ("image_id", "sitter", "path", "url", "sha256")
# Further columns that other stages know by name.
KNOWN = ("artist", "year", "title", "licence")
SEPARATORS = (",", ";", "\t", "|")
SHOWN = 10


@dataclass(frozen=True)
class Portrait:
    """One row: where an image comes from and what is known of it."""

    row: int
    image_id: str
    sitter: str
    path: Path | None
    url: str
    sha256: str
    known: Mapping[str, str]

    @property
    def source(self) -> str:
        """Where it comes from, in words."""
        return self.url or str(self.path)


def read_listing(file: Path, root: Path, columns: Mapping[str, str], separator: str = ",") -> list[Portrait]:
    """The rows of a user's CSV.

    Args:
        file: the CSV; needs the columns `sitter` and `url` or `path`; may have `image_id` and `sha256`; all further
            ones (artist, year, licence …) are carried on.
        root: folder that paths are relative to, and that none may leave.
        columns: our names of columns by which the file's own are to be read: `{"path": "filename"}`.
        separator: what parts the cells of a row.

    Raises:
        SitterError: every fault found, with its row.
    """
    table = _rows(file, columns, separator)
    portraits: list[Portrait] = []
    faults: list[str] = []
    for number, cells in table:
        try:
            portraits.append(_portrait(number, cells, root, f"{file}, row {number}"))
        except SitterError as fault:
            faults.append(str(fault))
    portraits = _with_ids(portraits)
    faults += _repeated(portraits, file)
    if faults:
        more = [f"… and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
        raise SitterError("\n".join(faults[:SHOWN] + more))
    if not portraits:
        raise SitterError(f"{file} lists no images: it has a header line and nothing below it.")
    return portraits


def _rows(file: Path, columns: Mapping[str, str], separator: str) -> list[tuple[int, dict[str, str]]]:
    """Rows under our names of the columns, with their numbers as a spreadsheet shows them (the header is row 1)."""
    theirs = {c: columns.get(c, c) for c in (*OWN, *KNOWN)}
    unknown = [name for name in columns if name not in theirs]
    if unknown:
        raise SitterError(f"columns names {unknown[0]!r}, which is none of ours; {nearest(unknown[0], theirs)}")
    try:
        with open(file, encoding="utf-8-sig") as opened:
            header = opened.readline()
        other = max(SEPARATORS, key=header.count)
        if header.count(other) > 0 == header.count(separator):
            raise SitterError(
                f"{file}: the cells are parted by {other!r}, not by {separator!r}: set `separator: {other!r}`."
            )
        rows = read_csv(file, [theirs["sitter"], *columns.values()], separator)
    except UnicodeDecodeError as error:
        raise SitterError(f"{file} is not UTF-8 (byte {error.start}): save it as CSV UTF-8.") from None
    except csv.Error as error:
        raise SitterError(f"{file} is no CSV that can be read: {error}") from None
    if rows and not {theirs["path"], theirs["url"]} & rows[0].keys():
        raise SitterError(
            f"{file}: there is neither a column {theirs['path']} nor {theirs['url']}; found: "
            f"{', '.join(map(str, rows[0]))}. Add one, or say by `columns: {{path: NAME}}` which it is."
        )
    ours = {their: our for our, their in theirs.items()}
    # A column that bears one of our names, where another was said to be it, is neither ours nor lost.
    name = {k: ours.get(k, k if theirs.get(k, k) == k else f"their_{k}") for k in (rows[0] if rows else ())}
    return [(n, {name.get(k, k): v for k, v in row.items()}) for n, row in enumerate(rows, start=2)]


def _portrait(number: int, row: dict[str, str], root: Path, where: str) -> Portrait:
    if None in row:
        raise SitterError(f"{where}: has more cells than the header line: quote cells that hold a comma.")
    cells = {k: (v or "").strip() for k, v in row.items()}
    sitter, path, url, sha256 = (cells.get(k, "") for k in ("sitter", "path", "url", "sha256"))
    if not sitter:
        raise SitterError(f"{where}: column sitter is empty: name the sitter, or delete the row.")
    if bool(path) == bool(url):
        raise SitterError(f"{where}: needs either a path or a url; it has {'both' if path else 'neither'}.")
    if sha256 and not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise SitterError(f"{where}: sha256 is {sha256!r}; expected 64 hexadecimal digits, or nothing.")
    if url:
        check_url(url, f"{where}: url")
    else:
        if not Path(os.path.abspath(root / path)).is_relative_to(os.path.abspath(root)):
            raise SitterError(f"{where}: path {path} lies outside {root}: set `root` to a folder that holds them all.")
    if cells.get("image_id"):
        check_id(cells["image_id"], where)
    known = {k: v for k, v in cells.items() if k not in OWN}
    return Portrait(
        number, cells.get("image_id", ""), sitter, root / path if path else None, url, sha256.lower(), known
    )


def _with_ids(portraits: list[Portrait]) -> list[Portrait]:
    """Ids for rows without one: SITTER/NAME of the file, and a piece of the source's hash where that is not unique."""

    def plain(p: Portrait) -> str:
        name = unquote(urlsplit(p.url).path) if p.url else p.source
        return p.image_id or f"{_slug(p.sitter)}/{_slug(PurePosixPath(name).stem)}"

    count = Counter(map(plain, portraits))
    return [
        replace(p, image_id=plain(p) if p.image_id or count[plain(p)] == 1 else f"{plain(p)}-{_piece(p.source)}")
        for p in portraits
    ]


def _slug(text: str) -> str:
    return re.sub(r"[^\w.-]+", "_", text).strip("._")[:80] or "_"


def _piece(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()[:8]


def _repeated(portraits: list[Portrait], file: Path) -> list[str]:
    """Images that are listed twice for one sitter, and ids that are used twice."""
    faults = []
    for what, key in (("image", lambda p: (p.sitter, p.source)), ("image_id", lambda p: p.image_id)):
        seen: dict[object, int] = {}
        for p in portraits:
            first = seen.setdefault(key(p), p.row)
            if first != p.row:
                name = p.source if what == "image" else p.image_id
                faults.append(f"{file}, row {p.row}: {what} {name} stands in row {first} already: delete one.")
        if faults:
            break
    return faults
