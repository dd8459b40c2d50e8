"""Finds the files that a source reads in addition to the files that params.yaml names.

These are the index of a record file, the images of a list, and the external data of an ONNX network.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from pipeline.core.errors import SitterError
from pipeline.core.lookup import FileFinder, NotFound
from pipeline.core.names import nfc
from pipeline.core.own_files import below, located
from pipeline.formats.companions import companions
from pipeline.formats.recordio_files import index_and_property
from pipeline.formats.user_csv import open_table
from pipeline.params.sources import Source
from pipeline.params.sources.catalogue import CatalogueOptions
from pipeline.params.sources.file import FileOptions
from pipeline.params.sources.manifest import ManifestOptions
from pipeline.params.sources.recordio import RecordIOOptions


def read_beside(source: Source, root: Path = Path()) -> list[Path]:
    """Return the further files of the user's own that the download of an entry reads, whether they exist or not.

    Args:
        source: an entry of the section `download`.
        root: root of the project; the paths are relative to it, as in params.yaml, or absolute.
    """
    found = _read_beside(below(root, source))
    return [path.relative_to(root) if path.is_relative_to(root) else path for path in found]


def _read_beside(source: Source) -> list[Path]:
    if isinstance(source, ManifestOptions):
        return _of_list(source)
    if isinstance(source, RecordIOOptions) and source.path is not None:
        return list(index_and_property(located(source.path)))
    if isinstance(source, FileOptions | CatalogueOptions) and source.path is not None:
        return _of_file(located(source.path))
    return []  # other kinds read only the files that params.yaml names


def _of_list(source: ManifestOptions) -> list[Path]:
    """Return the images that a list names below its own folder; if `root` is named, the whole folder counts already."""
    if source.root is not None:
        return []
    table, columns = located(source.path), source.columns or {}
    try:
        state = table.stat()
        theirs = columns.get("sitter", "sitter"), columns.get("path", "path")
        return list(_named(table, *theirs, source.separator, state.st_mtime_ns, state.st_size))
    except (OSError, SitterError):  # the file is missing or broken: the stage reports it
        return []


@lru_cache
def _named(file: Path, sitter: str, path: str, separator: str, *_: int) -> tuple[Path, ...]:
    """Return the files that a list names; the list is read once for each state."""
    table = open_table(file, [nfc(sitter)], separator, quiet=True)
    if nfc(path) not in table.columns:
        return ()
    finder = FileFinder(file.parent)
    written = dict.fromkeys(row[nfc(path)].strip() for _, row in table.rows())
    return tuple(_found(finder, name) for name in written if name)


def _found(finder: FileFinder, written: str) -> Path:
    """Return the file that the download reads for a path in a list."""
    path = finder.root / written
    if not path.exists():
        with suppress(NotFound):
            return finder.find(written)
    return path


def _of_file(path: Path) -> list[Path]:
    """Return the external data that an ONNX network keeps beside it."""
    try:
        return companions(path)
    except (OSError, SitterError):  # unreadable, or outside the folder: the stage reports it
        return []
