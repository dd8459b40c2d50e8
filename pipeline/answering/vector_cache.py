"""A cache of the vectors of pictures, by the content of the picture and of the model.

It lies in $SITTER_CACHE/vectors.sqlite (default ~/.cache/sitter). A gallery is embedded once, and again only where a
picture or the model has changed. The file can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from pipeline.core.errors import SitterError
from pipeline.core.numbers import Singles
from pipeline.sources.cache import cache

FILE = "vectors.sqlite"
TABLES = """
CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, size INTEGER, changed INTEGER, inode INTEGER, sha256 TEXT);
CREATE TABLE IF NOT EXISTS vectors (maker TEXT, sha256 TEXT, vector BLOB, reason TEXT, PRIMARY KEY (maker, sha256));
"""
WAIT_SECONDS = 60.0

CachedVector = Singles | str
"""The vector [d] that the model makes of a picture's face, or the reason why there is none."""


class VectorCache:
    """The cached vectors of one model; each picture's vector is of the face that the model's detector takes."""

    def __init__(self, maker: str) -> None:
        """Open nothing yet; `maker` is a hash of the model and of the settings that find the faces."""
        self.maker = maker
        self._file = cache() / FILE

    def checksums(self, paths: Sequence[Path]) -> list[str]:
        """Return the SHA-256 of files; a file is read again only if its size, time of change or inode has changed."""
        found = []
        with self._open() as database:
            for path in paths:
                about, key = path.stat(), str(path.absolute())
                is_now = about.st_size, about.st_mtime_ns, about.st_ino
                known = database.execute("SELECT size, changed, inode, sha256 FROM files WHERE path = ?", (key,))
                row = known.fetchone()
                if row is None or row[:3] != is_now:
                    with open(path, "rb") as file:
                        row = *is_now, hashlib.file_digest(file, "sha256").hexdigest()
                    database.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", (key, *row))
                found.append(row[3])
        return found

    def get(self, checksums: Iterable[str]) -> dict[str, CachedVector]:
        """Return the cached vectors of pictures, by checksum."""
        found: dict[str, CachedVector] = {}
        with self._open() as database:
            for checksum in set(checksums):
                known = database.execute(
                    "SELECT vector, reason FROM vectors WHERE maker = ? AND sha256 = ?", (self.maker, checksum)
                )
                if (row := known.fetchone()) is not None:
                    found[checksum] = np.frombuffer(row[0], "<f4") if row[0] else row[1]
        return found

    def put(self, made: Iterable[tuple[str, CachedVector]]) -> None:
        """Cache vectors by the checksums of their pictures."""
        with self._open() as database:
            for checksum, one in made:
                vector, reason = (b"", one) if isinstance(one, str) else (one.astype("<f4").tobytes(), "")
                row = self.maker, checksum, vector, reason
                database.execute("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?)", row)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._file, timeout=WAIT_SECONDS)) as database, database:
                database.executescript(TABLES)
                yield database
        except sqlite3.Error as error:
            raise SitterError(f"{self._file}, the cache of vectors, cannot be used ({error}): delete it.") from None
