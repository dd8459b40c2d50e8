"""Reads zip and tar archives as a list of members, or gives the true reason why one cannot be read.

Members are named by relative paths with forward slashes; if one leads outside, the whole archive is refused.
"""

from __future__ import annotations

import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from pipeline.core.errors import SitterError
from pipeline.core.file_types import beginning, instead, known

try:
    from lzma import LZMAError
except ImportError:  # a Python that was built without it

    class LZMAError(Exception):  # type: ignore[no-redef]
        """Never raised."""


Opened = zipfile.ZipFile | tarfile.TarFile
# What the libraries raise on damaged archives. An OSError without a number comes from gzip or bzip2.
DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, LZMAError, EOFError, struct.error, ValueError)
SEVEN = "Unpack it yourself and use `kind: folder`, or pack it anew as zip or tar."
UTF8_NAME = 0x800
ENCRYPTED = 0x1
UNICODE_PATH = 0x7075
# Methods of zip archives (APPNOTE.TXT, 4.4.5) that Python's zipfile may lack.
METHODS = {1: "Shrink", 6: "Implode", 9: "Deflate64", 12: "bzip2", 14: "LZMA", 20: "Zstandard", 93: "Zstandard"}
METHODS |= {94: "MP3", 95: "xz", 96: "JPEG", 97: "WavPack", 98: "PPMd", 99: "AES"}


@dataclass(frozen=True)
class Member:
    """A plain file, a folder or something else (`odd`) in an archive; `key` is how its library finds it again."""

    name: str
    size: int
    odd: str | None
    folder: bool
    key: zipfile.ZipInfo | tarfile.TarInfo


@contextmanager
def opened(archive: Path, where: str) -> Iterator[Opened]:
    """Open an archive.

    Raises:
        SitterError: it is no archive or cannot be read; also in place of what its library raises within the block.
    """
    try:
        with _library(archive, where) as found:
            yield found
    except DAMAGED as error:
        raise SitterError(_damaged(archive, where, error)) from None
    except (NotImplementedError, RuntimeError) as error:
        raise SitterError(f"{where} cannot be unpacked by Python's zipfile ({error}). {SEVEN}") from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise SitterError(_damaged(archive, where, error)) from None


def _library(archive: Path, where: str) -> Opened:
    kind = known(beginning(archive))
    if kind != "a tar archive" and zipfile.is_zipfile(archive):
        return zipfile.ZipFile(archive)
    try:
        return tarfile.open(archive)
    except tarfile.ReadError:
        raise SitterError(f"{where} {_no_archive(archive, kind)}") from None


def _no_archive(archive: Path, kind: str | None) -> str:
    """Say why a file is no zip or tar archive."""
    if kind == "a zip archive":
        return "was cut off: a zip's list of contents at its end is missing. Fetch it again."
    if kind in ("a 7z archive", "a RAR archive"):
        return f"is {kind}, whatever its name says; only zip and tar are unpacked here. {SEVEN}"
    if kind is not None and kind.startswith("the first part"):
        return f"is {kind}: join the parts (`zip -s 0 … --out whole.zip`), or unpack them and use `kind: folder`."
    if kind in ("a file packed with Zstandard", "a file packed with LZ4"):
        return f"is {kind}, which is not unpacked here: unpack it to a plain .tar (`unzstd`, `unlz4`) and name that."
    if kind is not None and kind.startswith("a file packed"):
        method = kind.rpartition(" ")[2]
        if method in ("xz", "bzip2") and not _has({"xz": "lzma", "bzip2": "bz2"}[method]):
            return f"is {kind}, and this Python was built without it: unpack it to a plain .tar and name that."
        cut = " or was cut off at once" if archive.stat().st_size < 1 << 16 else ""
        return f"is {kind} that holds no tar archive{cut}: unpack it yourself and use `kind: file` or `kind: folder`."
    what = instead(archive)
    return f"is no zip or tar archive that can be read{f': {what}' if what else ''}. Is it whole, and the right file?"


def _has(module: str) -> bool:
    try:
        __import__(module)
    except ImportError:
        return False
    return True


def _damaged(archive: Path, where: str, error: Exception) -> str:
    said = str(error) or type(error).__name__
    if "multiple disks" in said:
        return f"{where} is a part of a zip archive in several parts: join them, or unpack them and use `kind: folder`."
    words = ("end of data", "end-of-stream", "truncated")
    if isinstance(error, EOFError) or any(word in said.lower() for word in words):
        return f"{where} was cut off ({said}): fetch it again."
    return f"{where} is a broken archive ({said}): fetch it again."


def members(archive: Opened, where: str) -> list[Member]:
    """Return every member of an archive.

    Raises:
        SitterError: one would be written outside, or the archive ends before its end mark.
    """
    if isinstance(archive, zipfile.ZipFile):
        return [_zipped(info, where) for info in archive.infolist()]
    found = []
    for info in archive:
        odd = None if info.isreg() or info.isdir() else "link" if info.issym() or info.islnk() else "special file"
        found.append(Member(_safe(info.name, where), info.size, odd, info.isdir(), info))
    _check_end(archive, where)
    return found


def _zipped(info: zipfile.ZipInfo, where: str) -> Member:
    kind = stat.S_IFMT(info.external_attr >> 16)
    plain = kind in (0, stat.S_IFREG, stat.S_IFDIR)
    odd = None if plain else "link" if kind == stat.S_IFLNK else "special file"
    name = _name(info)
    return Member(_safe(name, where), info.file_size, odd, name.endswith(("/", "\\")), info)


def _name(info: zipfile.ZipInfo) -> str:
    """Return a zip member's name. Macs and many programs write UTF-8 without the flag that says so."""
    name = info.orig_filename.partition("\0")[0]
    if info.flag_bits & UTF8_NAME or name.isascii():
        return name
    extra = info.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        if kind == UNICODE_PATH and size > 5:  # its parts: version, checksum of the plain name, the name
            return extra[9 : 4 + size].decode("utf-8", errors="replace")
        extra = extra[4 + size :]
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError:
        return name


def _safe(name: str, where: str) -> str:
    """Return a member's name as a relative path with forward slashes; raises SitterError if it leads outside."""
    path = name.replace("\\", "/")
    if path.startswith("/") or re.match(r"[A-Za-z]:", path) or ".." in path.split("/") or "\0" in path:
        raise SitterError(f"{where} is refused: its member {name!r} would be written outside its folder.")
    return PurePosixPath(path).as_posix()


def _check_end(archive: tarfile.TarFile, where: str) -> None:
    """Raise SitterError unless the end mark, a block of zeros, follows the last member.

    Python's reader ends without a word at whatever it cannot read.
    """
    file = archive.fileobj
    assert file is not None
    at = archive.offset  # type: ignore[attr-defined]
    file.seek(at)
    block = file.read(tarfile.BLOCKSIZE)
    if not block:
        raise SitterError(
            f"{where} was cut off: its end mark is missing. Fetch it again, or pack it again by `tar -cf`."
        )
    if block.strip(b"\0"):
        raise SitterError(f"{where} is a broken archive: at byte {at:,} of the tar no member begins. Fetch it again.")


def check_readable(archive: Opened, wanted: list[Member], where: str) -> None:
    """Raise SitterError if a zip's members are encrypted, or packed by a method that this Python does not know."""
    if isinstance(archive, tarfile.TarFile):
        return
    first: dict[tuple[int, int], tuple[Member, zipfile.ZipInfo]] = {}
    for member in wanted:
        if isinstance(member.key, zipfile.ZipInfo):
            first.setdefault((member.key.compress_type, member.key.flag_bits & ENCRYPTED), (member, member.key))
    for (method, locked), (member, info) in first.items():
        if locked:
            raise SitterError(f"{where} is locked with a password ({member.name!r} is encrypted). {SEVEN}")
        try:
            archive.open(info).close()
        except (NotImplementedError, RuntimeError):
            name = METHODS.get(method, f"method {method}")
            raise SitterError(
                f"{where} is whole, but {member.name!r} in it is packed by {name}, which Python's zipfile does not "
                f"unpack. {SEVEN}"
            ) from None


def content(archive: Opened, member: Member) -> IO[bytes]:
    """Open a plain file of an archive for reading."""
    if isinstance(archive, zipfile.ZipFile):
        assert isinstance(member.key, zipfile.ZipInfo)
        return archive.open(member.key)
    assert isinstance(member.key, tarfile.TarInfo)
    file = archive.extractfile(member.key)
    assert file is not None, member.name
    return file
