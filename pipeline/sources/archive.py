"""Kind `archive`: a zip or tar by path or URL; and unpacking that cannot write outside its folder.

What an archive names is never trusted. Names that lead outside refuse the whole archive. Only plain files are made,
under names of our own making, in a folder that holds no links: so neither symbolic links, hard links nor device files
of the archive ever come to be. Sizes are counted while writing, since headers can lie.
"""

from __future__ import annotations

import ast
import lzma
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Annotated, Literal

from pydantic import Field

from pipeline.errors import SitterError, nearest
from pipeline.own import OwnPath
from pipeline.sources.images import Row, is_clutter, is_image, is_portrait, rows
from pipeline.sources.local import own_file

BLOCK = 1 << 20
# An archive that unpacks to more than both of these is taken for a bomb: images and weights hardly shrink.
BOMB_BYTES = 1 << 30
BOMB_RATIO = 100
BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, NotImplementedError)


def fetch(
    folder: Path,
    entry: str,
    *,
    path: OwnPath | None = None,
    url: str | None = None,
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None,
    member: str = "",
    contents: Literal["images", "file", "python-literal"],
    pattern: str = "*",
    variable: str = "WEIGHTS",
    save_as: str | None = None,
    licence: str | None = None,
    obtain: str | None = None,
) -> list[Row] | None:
    """A zip or tar archive of your own, or behind a URL: images in a folder per sitter, or one file of it.

    Args:
        folder: where the contents go.
        entry: name of the entry.
        path: the archive, relative to the project's root or absolute.
        url: where it is fetched from; needs `sha256`.
        sha256: checksum of the archive, checked before anything is unpacked.
        member: folder in the archive that holds a folder per sitter, or the file.
        contents: `images`, `file`, or `python-literal`: a Python file that assigns bytes to `variable`.
        pattern: images whose file name fits are taken: `*.pgm`.
        variable: its name.
        save_as: name of the file made of it (default: the entry's name with the ending .onnx).
        licence: terms of use, kept beside the data.
        obtain: how to get the archive, said where it is missing.

    Returns:
        Rows of the manifest for images, None for a file.
    """
    archive, title = own_file(entry, path, url, sha256)
    return unpack(archive, title, folder, entry, member, contents, pattern, variable, save_as, licence)


def unpack(
    archive: Path,
    title: str,
    folder: Path,
    entry: str,
    member: str,
    contents: Literal["images", "file", "python-literal"],
    pattern: str,
    variable: str,
    save_as: str | None,
    licence: str | None,
) -> list[Row] | None:
    """Take the images below `member`, or the one file, out of a verified archive (called `title` in messages)."""
    inside = PurePosixPath(member).as_posix().strip("/")
    inside = "" if inside == "." else inside
    if contents == "images":
        extract(archive, title, folder, entry, inside, pattern)
        return rows(folder, entry, licence)
    if not inside:
        raise SitterError(f"download.{entry}.member is empty: with `contents: {contents}`, name the file to take.")
    file = extract(archive, title, folder, entry, inside)[0]
    if contents == "python-literal":
        content = bytes_literal(file, variable, f"download.{entry}: {member}")
        file.unlink()
        (folder / Path(save_as or f"{entry}.onnx").name).write_bytes(content)
    elif save_as:
        file.rename(folder / Path(save_as).name)
    return None


def bytes_literal(file: Path, variable: str, where: str) -> bytes:
    """The bytes that a Python file assigns to a variable, read from its syntax; nothing of it is run."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise SitterError(f"{where} is no readable Python file: {error}") from None
    names = []
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        names += [t.id for t in targets if isinstance(t, ast.Name)]
        if any(isinstance(t, ast.Name) and t.id == variable for t in targets):
            value = getattr(node, "value", None)
            if isinstance(value, ast.Constant) and isinstance(value.value, bytes):
                return value.value
            raise SitterError(f"{where} assigns no plain bytes to {variable}: only a literal b'…' can be read.")
    raise SitterError(f"{where} assigns nothing to {variable!r}; {nearest(variable, names)}")


@dataclass(frozen=True)
class Member:
    """A plain file or something else (`odd`) in an archive; `key` is how the archive's library finds it again."""

    name: str
    size: int
    odd: str | None
    key: object


def extract(archive: Path, title: str, folder: Path, entry: str, inside: str, pattern: str | None = None) -> list[Path]:
    """Write the images below `inside` whose names fit `pattern`, or without one the file `inside`, into `folder`.

    Returns:
        The files written.

    Raises:
        SitterError: the archive is broken, encrypted, hostile, too large for the disk, or holds nothing of the kind.
    """
    where = f"download.{entry}: {title}"
    limit = max(BOMB_BYTES, BOMB_RATIO * archive.stat().st_size)
    try:
        with _opened(archive, where) as opened:
            members = list(_members(opened, where))
            chosen = [(m, name) for m in members if (name := _wanted(m, inside, pattern)) is not None]
            if not chosen:
                raise SitterError(_nothing(where, entry, inside, members, pattern))
            size = sum(m.size for m, _ in chosen)
            if size > limit:
                raise SitterError(_bomb(where, size, archive))
            free = shutil.disk_usage(folder).free
            if size > free:
                raise SitterError(
                    f"{where} unpacks to {size:,} bytes, but {folder.parent} has {free:,} free: make room."
                )
            left = limit
            written = []
            for member, name in chosen:
                if member.odd:
                    raise SitterError(
                        f"{where} is refused: {member.name!r} is a {member.odd}; only plain files are taken."
                    )
                target = folder / name
                try:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with _content(opened, member) as source, open(target, "xb") as sink:
                        left = _copy(source, sink, left)
                except (FileExistsError, NotADirectoryError):
                    raise SitterError(f"{where} is refused: it holds {member.name!r} twice.") from None
                if left < 0:
                    raise SitterError(_bomb(where, limit - left, archive))
                written.append(target)
            return written
    except BROKEN as error:
        raise SitterError(f"{where} is a broken archive ({error or type(error).__name__}): fetch it again.") from None
    except RuntimeError as error:  # zipfile's only word for an encrypted member
        raise SitterError(f"{where} cannot be unpacked: {error}") from None


@contextmanager
def _opened(archive: Path, where: str) -> Iterator[zipfile.ZipFile | tarfile.TarFile]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            yield opened
        return
    try:
        tar = tarfile.open(archive)  # noqa: SIM115
    except tarfile.ReadError:
        raise SitterError(
            f"{where} is no zip or tar archive that can be read: is it whole, and the right file?"
        ) from None
    with tar:
        yield tar


def _members(opened: zipfile.ZipFile | tarfile.TarFile, where: str) -> Iterator[Member]:
    """Every file of an archive; folders are left out."""
    if isinstance(opened, zipfile.ZipFile):
        for info in opened.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            odd = (
                None if kind in (0, stat.S_IFREG, stat.S_IFDIR) else "link" if kind == stat.S_IFLNK else "special file"
            )
            name = _safe(info.filename, where)
            if not info.is_dir():
                yield Member(name, info.file_size, odd, info)
    else:
        for member in opened:
            odd = None if member.isreg() else "link" if member.issym() or member.islnk() else "special file"
            name = _safe(member.name, where)
            if not member.isdir():
                yield Member(name, member.size, odd, member)


def _safe(name: str, where: str) -> str:
    """A member's name as a relative path with forward slashes, if that is what it is."""
    path = name.replace("\\", "/")
    if path.startswith("/") or re.match(r"[A-Za-z]:", path) or ".." in path.split("/") or "\0" in path:
        raise SitterError(f"{where} is refused: its member {name!r} would be written outside its folder.")
    return PurePosixPath(path).as_posix()


def _wanted(member: Member, inside: str, pattern: str | None) -> str | None:
    """Where a member is written, relative to the output; None if it is not asked for."""
    path = PurePosixPath(member.name)
    if pattern is None:
        return path.name if member.name == inside else None
    if not path.is_relative_to(inside):
        return None
    below = path.relative_to(inside)
    return below.as_posix() if is_portrait(below, pattern) and not is_clutter(below) else None


def _content(opened: zipfile.ZipFile | tarfile.TarFile, member: Member) -> IO[bytes]:
    if isinstance(opened, zipfile.ZipFile):
        assert isinstance(member.key, zipfile.ZipInfo)
        return opened.open(member.key)
    assert isinstance(member.key, tarfile.TarInfo)
    content = opened.extractfile(member.key)
    assert content is not None, member.name
    return content


def _copy(source: IO[bytes], sink: IO[bytes], left: int) -> int:
    """Copy at most `left` bytes and one block; returns what is left, negative where that was not enough."""
    while left >= 0 and (block := source.read(BLOCK)):
        sink.write(block)
        left -= len(block)
    return left


def _bomb(where: str, size: int, archive: Path) -> str:
    return (
        f"{where} is refused: its {archive.stat().st_size:,} bytes unpack to {size:,} or more, over {BOMB_RATIO} times "
        "as many. If it is no bomb, unpack it yourself and use `kind: folder`."
    )


def _nothing(where: str, entry: str, inside: str, members: list[Member], pattern: str | None) -> str:
    if pattern is not None:
        folders = {str(PurePosixPath(m.name).parent.parent) for m in members if is_image(m.name)} - {"."}
        wanted = f"no images {pattern} in a folder per sitter below {inside or 'its top'}"
        return f"{where} holds {wanted}. download.{entry}.member is {inside!r}; {nearest(inside, sorted(folders)[:20])}"
    close = sorted(m.name for m in members if PurePosixPath(m.name).suffix == PurePosixPath(inside).suffix)[:20]
    return f"{where} holds no file {inside!r}, which download.{entry}.member names; {nearest(inside, close)}"
