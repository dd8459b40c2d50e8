"""What a source reads beside the files that params.yaml names.

The index of a record file, the images of a list, the external data of an ONNX network.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from pipeline.core.errors import SitterError
from pipeline.core.lookup import Finder, NotFound
from pipeline.core.names import nfc
from pipeline.core.own_files import located
from pipeline.formats.companions import companions
from pipeline.formats.recordio_files import index_and_property
from pipeline.formats.user_csv import open_table
from pipeline.params.sources import Source
from pipeline.params.sources.catalogue import CatalogueOptions
from pipeline.params.sources.file import FileOptions
from pipeline.params.sources.manifest import ManifestOptions
from pipeline.params.sources.recordio import RecordIOOptions


def read_beside(source: Source) -> list[Path]:
    """Return the further files of the user's own that the download of an entry reads, whether they are there or not.

    Args:
        source: an entry of the section `download`.
    """
    if isinstance(source, ManifestOptions):
        return _of_list(source)
    if isinstance(source, RecordIOOptions) and source.path is not None:
        return list(index_and_property(located(source.path)))
    if isinstance(source, FileOptions | CatalogueOptions) and source.path is not None:
        return _of_file(located(source.path))
    return []  # it reads what params.yaml names and nothing else


def _of_list(source: ManifestOptions) -> list[Path]:
    """The images that a list names below its own folder. Where `root` is named, that whole folder counts already."""
    if source.root is not None:
        return []
    table, columns = located(source.path), source.columns or {}
    try:
        state = table.stat()
        theirs = columns.get("sitter", "sitter"), columns.get("path", "path")
        return list(_named(table, *theirs, source.separator, state.st_mtime_ns, state.st_size))
    except (OSError, SitterError):  # no such file, or a broken one: the stage says what is wrong
        return []


@lru_cache
def _named(file: Path, sitter: str, path: str, separator: str, *_: int) -> tuple[Path, ...]:
    """The files that a list names; it is read once for each state of the list."""
    table = open_table(file, [nfc(sitter)], separator, quiet=True)
    if nfc(path) not in table.columns:
        return ()
    finder = Finder(file.parent)
    written = dict.fromkeys(row[nfc(path)].strip() for _, row in table.rows())
    return tuple(_found(finder, name) for name in written if name)


def _found(finder: Finder, written: str) -> Path:
    """The file that the download reads for a path in a list."""
    path = finder.root / written
    if not path.exists():
        with suppress(NotFound):
            return finder.find(written)
    return path


def _of_file(path: Path) -> list[Path]:
    """The external data that an ONNX network keeps beside it."""
    try:
        return companions(path)
    except (OSError, SitterError):  # not readable, or outside of the folder: the stage says so
        return []
