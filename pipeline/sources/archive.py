"""Kind `archive`: a zip or tar by path or URL; and unpacking that cannot write outside its folder.

Names in an archive are never trusted. If one leads outside, the whole archive is refused. Only plain files are made,
under names of our own making, in a folder that holds no links: so no symbolic link, hard link or device file of the
archive is ever created. Sizes are counted while writing, since headers can lie.
"""

from __future__ import annotations

import ast
import shutil
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import IO

from pipeline.core.errors import SitterError, nearest
from pipeline.formats.archives import Member, Opened, check_readable, content, members, opened
from pipeline.formats.onnx_files import external_data
from pipeline.params.sources.archive import ArchiveOptions
from pipeline.params.sources.base import Unpacked
from pipeline.sources.chosen import Chosen, choose, cluttered, say
from pipeline.sources.clutter import clutter
from pipeline.sources.image_files import composed, is_image, rows
from pipeline.sources.local import own_file
from pipeline.store.raw import RawImage

BLOCK = 1 << 20
# An archive that unpacks to more than both of these is refused as a bomb: images and weights hardly compress.
BOMB_BYTES = 1 << 30
BOMB_RATIO = 100


def fetch(folder: Path, entry: str, options: ArchiveOptions) -> list[RawImage] | None:
    """Take images (in a folder per sitter) or one file from a zip or tar archive of your own, or behind a URL.

    Args:
        folder: the folder for the contents.
        entry: name of the entry.
        options: the options of the entry.

    Returns:
        The images, or None for a file.
    """
    archive, title = own_file(entry, options.path, options.url, options.sha256)
    return unpack(archive, title, folder, entry, options)


def unpack(archive: Path, title: str, folder: Path, entry: str, options: Unpacked) -> list[RawImage] | None:
    """Take the images below `member`, or the one file, out of a verified archive (called `title` in messages)."""
    inside = PurePosixPath(options.member).as_posix().strip("/")
    inside = "" if inside == "." else inside
    if options.contents == "images":
        return rows(folder, entry, extract(archive, title, folder, entry, inside, options.pattern), options.licence)
    if not inside:
        raise SitterError(
            f"download.{entry}.member is empty: with `contents: {options.contents}`, name the file to take."
        )
    file = folder / extract(archive, title, folder, entry, inside)[0]
    if options.contents == "python-literal":
        content = bytes_literal(file, options.variable, f"download.{entry}: {options.member}")
        file.unlink()
        (folder / Path(options.save_as or f"{entry}.onnx").name).write_bytes(content)
        return None
    if file.suffix == ".onnx":  # with the files of external data that it names
        for name in external_data(file):
            beside = (PurePosixPath(inside).parent / name).as_posix()
            data = folder / extract(archive, title, folder, entry, beside, named_by=f"{options.member} needs")[0]
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            data.rename(folder / name)
    if options.save_as:
        file.rename(folder / Path(options.save_as).name)
    return None


def bytes_literal(file: Path, variable: str, where: str) -> bytes:
    """Return the bytes that a Python file assigns to a variable, read from the syntax tree; no code is run."""
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


def extract(
    archive: Path,
    title: str,
    folder: Path,
    entry: str,
    inside: str,
    pattern: str | None = None,
    named_by: str | None = None,
) -> list[str]:
    """Write the images below `inside` that match `pattern`, or without a pattern the file `inside`, into `folder`.

    Where that file is missing, the message says what names it (`named_by`): a setting, or another file.

    Returns:
        The files written, relative to the folder.

    Raises:
        SitterError: the archive is broken, locked, hostile, too large for the disk, or holds no such file.
    """
    where = f"download.{entry}: {title}"
    with opened(archive, where) as packed:
        everything = members(packed, where)
        if pattern is None:
            chosen = None
            wanted = [(m, PurePosixPath(m.name).name) for m in everything if m.name == inside and not m.folder]
        else:
            chosen, wanted = _portraits(everything, inside, pattern, where)
        if not wanted:
            named = named_by or f"download.{entry}.member names"
            raise SitterError(_nothing(where, entry, inside, everything, chosen, named))
        check_readable(packed, [member for member, _ in wanted], where)
        _check_size(archive, where, folder, sum(member.size for member, _ in wanted))
        _write(packed, archive, where, folder, wanted)
    if chosen is not None:
        say(entry, chosen, lambda below: f"download.{entry}.member: {(PurePosixPath(inside) / below).as_posix()}")
    return [name for _, name in wanted]


def _portraits(
    everything: list[Member], inside: str, pattern: str, where: str
) -> tuple[Chosen, list[tuple[Member, str]]]:
    """Return the choice of files from an archive, and the members with the names under which they are kept."""
    below = [(PurePosixPath(m.name).relative_to(inside), m) for m in everything if _is_below(m.name, inside)]
    tops = [path.parts[0] for path, member in below if member.folder and path.parts]
    counts = Counter(path for path, member in below if not member.folder)
    files = {path: member for path, member in below if not member.folder}
    chosen = choose(sorted(files), pattern, tops)
    if twice := next((path for path in chosen.taken if counts[path] > 1), None):
        raise SitterError(f"{where} is refused: it holds {files[twice].name!r} twice.")
    written: dict[str, PurePosixPath] = {}
    return chosen, [(files[path], composed(path, written, where)) for path in chosen.taken]


def _is_below(name: str, inside: str) -> bool:
    return PurePosixPath(name).is_relative_to(inside) and name != inside


def _check_size(archive: Path, where: str, folder: Path, size: int) -> None:
    if size > _limit(archive):
        raise SitterError(_bomb(where, size, archive))
    free = shutil.disk_usage(folder).free
    if size > free:
        raise SitterError(f"{where} unpacks to {size:,} bytes, but {folder.parent} has {free:,} free: make room.")


def _write(packed: Opened, archive: Path, where: str, folder: Path, wanted: list[tuple[Member, str]]) -> None:
    """Unpack members, counting what they really hold."""
    limit = left = _limit(archive)
    for member, name in wanted:
        if member.odd:
            raise SitterError(f"{where} is refused: {member.name!r} is a {member.odd}; only plain files are taken.")
        target = folder / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with content(packed, member) as source, open(target, "xb") as sink:
                left = _copy(source, sink, left)
        except (FileExistsError, NotADirectoryError):
            raise SitterError(
                f"{where} is refused: it holds {member.name!r} twice, as this disk tells names apart."
            ) from None
        if left < 0:
            raise SitterError(_bomb(where, limit - left, archive))


def _limit(archive: Path) -> int:
    return max(BOMB_BYTES, BOMB_RATIO * archive.stat().st_size)


def _copy(source: IO[bytes], sink: IO[bytes], left: int) -> int:
    """Copy at most `left` bytes and one block; return what remains of `left`, negative where it did not suffice."""
    while left >= 0 and (block := source.read(BLOCK)):
        sink.write(block)
        left -= len(block)
    return left


def _bomb(where: str, size: int, archive: Path) -> str:
    return (
        f"{where} is refused: its {archive.stat().st_size:,} bytes unpack to {size:,} or more, over {BOMB_RATIO} times "
        "as many. If it is no bomb, unpack it yourself and use `kind: folder`."
    )


def _nothing(where: str, entry: str, inside: str, everything: list[Member], chosen: Chosen | None, named: str) -> str:
    files = [PurePosixPath(member.name) for member in everything if not member.folder]
    if chosen is None:
        close = sorted(str(path) for path in files if path.suffix == PurePosixPath(inside).suffix)[:20]
        return f"{where} holds no file {inside!r}, which {named}; {nearest(inside, close)}"
    folders = {str(path.parent.parent) for path in files if is_image(path.name) and clutter(path) is None} - {"."}
    reasons = [f"{len(paths)} {reason}, as {paths[0]}" for reason, paths in sorted(chosen.left.items())]
    reasons += [cluttered(chosen)] if chosen.clutter else []
    return (
        f"{where} holds no images in a folder per sitter below {inside or 'its top'}"
        + (f" ({'; '.join(reasons)})" if reasons else "")
        + f". download.{entry}.member is {inside!r}; {nearest(inside, sorted(folders)[:20])}"
    )
