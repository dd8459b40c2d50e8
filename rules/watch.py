"""The user's own files that Snakemake and DVC watch, and whether their content has changed.

Both engines use one list, `watched`. Snakemake gets a digest of the content of these files as a parameter of
the job; DVC gets the list as the job's dependencies. A file is read again when its size, inode, time of modification or
time of change (ctime) have changed: the last one changes whenever a file is written or replaced, even if
a program resets the time of modification, as unzip, `cp -p` and rsync do.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import stat
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pipeline.core.errors import SitterError
from pipeline.core.files import atomic_file, sha256
from pipeline.core.own_files import entries, is_folder
from pipeline.plan.jobs import Job

logger = logging.getLogger(__name__)
MEMORY = Path(".snakemake/sitter-own")
"""Folder with a file for each job: the state of the user's files when they were last read."""
# A file that changed less than this many seconds ago may change again without a new time, so it is read once more.
JUST_NOW = 2.0
# From this many bytes on, reading is announced.
MANY_BYTES = 1 << 30

Known = dict[str, list[int | str]]


def watched(job: Job, outputs: Iterable[Path]) -> list[Path]:
    """Return the files and folders of the user's own that a job depends on.

    These are the files that params.yaml names, and the files that the job reads beside them. Of the latter there may be
    thousands, so a folder represents its files if the job reads at least half of its content.

    Args:
        job: one job of the study.
        outputs: the outputs of all jobs of the study; a folder with outputs in it never represents its files.
    """
    if not job.beside:
        return list(job.own)
    there = [path for path in job.beside if path.is_file() and not any(path.is_relative_to(own) for own in job.own)]
    made = [os.path.abspath(path) for path in (*outputs, Path("dvc.lock"))]
    whole = {
        folder
        for folder, read in Counter(path.parent for path in there).items()
        if read > 1 and 2 * read >= _size(folder) and not any(_overlap(os.path.abspath(folder), out) for out in made)
    }
    covered = (path.parent if path.parent in whole else path for path in there)
    return list(dict.fromkeys([*job.own, *covered]))


def _size(folder: Path) -> float:
    """Return the number of files in a folder; infinite if it holds folders, which would be watched, too."""
    with os.scandir(folder) as found:
        return sum(float("inf") if is_folder(entry) else 1 for entry in found)


def _overlap(one: str, other: str) -> bool:
    return os.path.commonpath([one, other]) in (one, other)


def behind_links(paths: Iterable[Path], outputs: Iterable[Path]) -> list[Path]:
    """Return the folders that links below these folders lead to: DVC follows no link to a folder by itself.

    They are absolute paths without links, or paths relative to the project if they lie in it.

    Raises:
        SitterError: a link leads to a folder in which the project keeps its outputs.
    """
    found: dict[Path, None] = {}
    made = [os.path.realpath(path) for path in outputs]
    for folder in filter(Path.is_dir, paths):
        inside = [os.path.realpath(folder)]
        for _, entry in entries(folder):
            if entry.is_symlink() and is_folder(entry):
                real = os.path.realpath(entry.path)
                if any(_overlap(real, output) for output in made):
                    raise SitterError(f"{entry.path} is a link to {real}, where this project writes: remove the link.")
                if not any(_is_within(real, other) for other in inside):
                    inside.append(real)
                    found[Path(os.path.relpath(real) if _is_within(real, os.getcwd()) else real)] = None
    return list(found)


def _is_within(path: str, folder: str) -> bool:
    return os.path.commonpath([path, folder]) == folder


def digest(job: Job, outputs: Iterable[Path]) -> str:
    """Return a digest of what DVC watches for a job: the paths in its list, and the content of all files there.

    Raises:
        SitterError: a file cannot be read, or is something that neither engine can watch.
    """
    memory = MEMORY / f"{job.stage}-{job.name}.json"
    known = _known(memory)
    roots = watched(job, outputs)
    behind = behind_links(roots, outputs)
    files = {name: path for number, root in enumerate(roots) for name, path in _files(number, root)}
    states = {path: _state(path) for path in files.values()}
    changed = [path for path, state in states.items() if known.get(path, [])[:4] != state]
    contents = {path: str(known[path][4]) for path in states.keys() - set(changed)}
    now = time.time_ns()
    contents |= _read(changed, sum(states[path][0] for path in changed))
    _tell_dvc([path for path in changed if _looks_the_same(known.get(path), states[path], contents[path])])
    latest = now - JUST_NOW * 1e9
    found: Known = {
        path: [size, mtime, ctime if ctime < latest else 0, inode, contents[path]]
        for path, (size, mtime, ctime, inode) in states.items()
    }
    if found != known:
        with atomic_file(memory) as part:
            part.write_text(json.dumps(found))
    total = hashlib.sha256("\0".join(map(str, (*roots, *behind))).encode())
    for name, path in sorted(files.items()):
        total.update(f"{name}\0{contents[path]}\n".encode())
    return total.hexdigest()[:32]


def _known(memory: Path) -> Known:
    """Return size, times of modification and change, inode and SHA-256 of each file when last read, by path."""
    try:
        found: Known = json.loads(memory.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found


def _files(number: int, root: Path) -> Iterator[tuple[str, str]]:
    """Yield each file below a watched path: a name with its place below it, and its path."""
    if not root.is_dir():
        if os.path.lexists(root):  # a missing path adds nothing here, and is reported elsewhere
            yield str(number), str(root)
        return
    for path, entry in entries(root):
        if not is_folder(entry):
            yield f"{number}/{path}", entry.path


def _state(path: str) -> list[int]:
    """Return size, times of modification and change, and inode of a file that both engines can watch."""
    try:
        path.encode()
        found = os.stat(path)
    except UnicodeEncodeError:
        raise SitterError(f"{path!r} has a name that is not UTF-8, which DVC cannot record: rename it.") from None
    except OSError as error:
        what = f"a broken link to {os.readlink(path)}" if os.path.islink(path) else f"unreadable ({error.strerror})"
        raise SitterError(f"{path} is {what}: repair it, or remove it.") from None
    if not stat.S_ISREG(found.st_mode):
        raise SitterError(f"{path} is neither a file nor a folder, but a device, a pipe or a socket: remove it.")
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def _read(paths: Sequence[str], size: int) -> dict[str, str]:
    """Return the SHA-256 of files."""
    if size > MANY_BYTES:
        logger.warning(f"reading {len(paths):,} files of yours ({size / 1e9:.1f} GB) to know their content")
    try:
        with ThreadPoolExecutor(min(16, 2 * (os.cpu_count() or 1))) as pool:
            return dict(zip(paths, pool.map(lambda path: sha256(Path(path)), paths), strict=True))
    except OSError as error:
        raise SitterError(
            f"{error.filename} cannot be read ({error.strerror}): make it readable, or remove it."
        ) from None


def _looks_the_same(before: Sequence[int | str] | None, now: Sequence[int], content: str) -> bool:
    """Whether a file's content has changed, but not the size, time and inode by which DVC detects a change."""
    return before is not None and [before[i] for i in (0, 1, 3)] == [now[i] for i in (0, 1, 3)] and before[4] != content


def _tell_dvc(paths: Sequence[str]) -> None:
    """Make DVC forget its state of files that have changed without looking so, so that it reads them again."""
    if not paths or not Path(".dvc").is_dir():
        return
    from dvc.repo import Repo

    with Repo() as repo:
        for path in paths:
            for name in {os.path.abspath(path), os.path.realpath(path)}:
                repo.state.hashes.pop(name, None)
