"""The table of a manifest source: a user's CSV of files or URLs, checked row by row before anything is fetched."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from pipeline.core.errors import SitterError, nearest
from pipeline.core.names import nfc
from pipeline.formats.user_csv import Row, open_table
from pipeline.sources.identifiers import joined
from pipeline.sources.image_files import check_id
from pipeline.sources.listed import ListedPortrait
from pipeline.sources.local import check_url
from pipeline.store.columns import DESCRIBED, LICENCE, RESERVED, SITTER_ID, kept_as

logger = logging.getLogger(__name__)

OWN = ("image_id", "sitter", "path", "url", "sha256")
# Further columns that other stages use by name.
KNOWN = (*DESCRIBED, LICENCE, SITTER_ID)
# Columns that are kept exactly as written, since a disk or a server is asked for these names.
VERBATIM = ("path", "url")
BREAK = re.compile(r"\r\n?")
UNNAMED = "unidentified"
"""Stands for the sitter in the id of an image with an empty sitter."""
SHOWN = 10


def read_listing(file: Path, root: Path, columns: Mapping[str, str], separator: str = ",") -> list[ListedPortrait]:
    """Return the rows of a user's CSV.

    Args:
        file: the CSV. It needs the columns `sitter` and `url` or `path`, and may have `image_id` and `sha256`. All
            other columns (artist, year, licence …) are carried on; one with a name that Sitter uses itself is renamed.
            An empty sitter marks an unidentified portrait; `sitter_id` joins the spellings of one name.
        root: the folder that paths are relative to, and must not leave.
        columns: the file's own names of columns by our names, such as `{"path": "filename"}`.
        separator: what separates the cells of a row.

    Raises:
        SitterError: the CSV has faults; the message lists them, each with its line.
    """
    portraits: list[ListedPortrait] = []
    faults: list[str] = []
    for line, cells in _rows(file, columns, separator):
        try:
            portraits.append(_portrait(line, cells, root, f"{file}, line {line}"))
        except SitterError as fault:
            faults.append(str(fault))
    portraits = with_ids(portraits, _stem)
    faults += _repeated(portraits, file)
    if faults:
        more = [f"… and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
        raise SitterError("\n".join(faults[:SHOWN] + more))
    if not portraits:
        raise SitterError(f"{file} lists no images: it has a header line and nothing below it.")
    return joined(portraits, str(file))


def _rows(file: Path, columns: Mapping[str, str], separator: str) -> Iterator[tuple[int, Row]]:
    """Yield the rows under our names of the columns, with their lines."""
    theirs = {c: nfc(columns.get(c, c)) for c in (*OWN, *KNOWN)}
    unknown = [name for name in columns if name not in theirs]
    if unknown:
        raise SitterError(f"columns names {unknown[0]!r}, which is none of ours; {nearest(unknown[0], theirs)}")
    table = open_table(file, [*dict.fromkeys((theirs["sitter"], *(theirs[c] for c in columns)))], separator)
    if not {theirs["path"], theirs["url"]} & set(table.columns):
        raise SitterError(
            f"{file}: there is neither a column {theirs['path']} nor {theirs['url']}; found: "
            f"{', '.join(table.columns)}. Add one, or say by `columns: {{path: NAME}}` which it is."
        )
    ours = {their: our for our, their in theirs.items()}
    # A column with one of our names is kept under another name if `columns` names a different column for it.
    reserved = RESERVED | {our for our, their in theirs.items() if our != their}
    kept = kept_as([c for c in table.columns if c not in ours], reserved)
    if renamed := [f"{name} is kept as {new}" for name, new in kept.items() if name != new]:
        logger.info(f"{file}: Sitter has columns of the same name as these: {'; '.join(renamed)}.")
    name = kept | ours
    return ((line, {name[column]: cell for column, cell in row.items()}) for line, row in table.rows())


def _portrait(line: int, row: Row, root: Path, where: str) -> ListedPortrait:
    cells = {k: v.strip() if k in VERBATIM else plain_text(v) for k, v in row.items()}
    sitter = one_line(cells["sitter"])
    image_id, path, url, sha256 = (cells.get(k, "") for k in ("image_id", "path", "url", "sha256"))
    if bool(path) == bool(url):
        raise SitterError(f"{where}: needs either a path or a url; it has {'both' if path else 'neither'}.")
    if sha256 and not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise SitterError(f"{where}: sha256 is {sha256!r}; expected 64 hexadecimal digits, or nothing.")
    if url:
        check_url(url, f"{where}: url")
    elif not Path(os.path.abspath(root / path)).is_relative_to(os.path.abspath(root)):
        raise SitterError(f"{where}: path {path} lies outside {root}: set `root` to a folder that holds them all.")
    if image_id:
        check_id(image_id, where)
    known = {k: v for k, v in cells.items() if k not in OWN}
    return ListedPortrait(line, image_id, sitter, root / path if path else None, path, url, sha256.lower(), known)


def with_ids(portraits: Sequence[ListedPortrait], name: Callable[[ListedPortrait], str]) -> list[ListedPortrait]:
    """Return the portraits with an id for each: SITTER/NAME where there is none.

    Where two would be equal, a piece of the source's hash is appended.

    Args:
        portraits: the portraits, with or without `image_id`.
        name: returns the NAME for an image.
    """

    def plain(p: ListedPortrait) -> str:
        return p.image_id or f"{_slug(p.sitter or UNNAMED)}/{_slug(nfc(name(p)))}"

    count = Counter(map(plain, portraits))
    return [
        replace(p, image_id=plain(p) if p.image_id or count[plain(p)] == 1 else f"{plain(p)}-{_piece(p.source)}")
        for p in portraits
    ]


def _stem(portrait: ListedPortrait) -> str:
    name = unquote(urlsplit(portrait.url).path) if portrait.url else portrait.written.replace("\\", "/")
    return PurePosixPath(name).stem


def one_line(text: str) -> str:
    """Return a cell's text in NFC, without a break."""
    return plain_text(text).replace("\n", " ")


def plain_text(text: str) -> str:
    """Return a cell's text in NFC, with line breaks of Unix, and stripped."""
    return nfc(BREAK.sub("\n", text.strip()))


def _slug(text: str) -> str:
    return re.sub(r"[^\w.-]+", "_", text).strip("._")[:80] or "_"


def _piece(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()[:8]


def _repeated(portraits: list[ListedPortrait], file: Path) -> list[str]:
    """Return faults: images that are listed twice for one sitter, and ids that are used twice."""
    faults = []
    for what, key in (("image", lambda p: (p.sitter, _plain(p))), ("image_id", lambda p: p.image_id)):
        seen: dict[object, int] = {}
        for p in portraits:
            first = seen.setdefault(key(p), p.line)
            if first != p.line:
                name = p.source if what == "image" else p.image_id
                faults.append(f"{file}, line {p.line}: {what} {name} stands in line {first} already: delete one.")
        if faults:
            break
    return faults


def _plain(p: ListedPortrait) -> str:
    """Return the source in a form that is equal for two spellings of one path."""
    return p.url or nfc(p.written.replace("\\", "/"))
