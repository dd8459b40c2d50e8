"""The user's own files: how params.yaml names them, and which files a folder holds.

The stages, Snakemake and DVC all go by this module, so that what a stage reads is what both engines watch.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, Field

from pipeline.core.errors import SitterError

Section = TypeVar("Section", bound=BaseModel)


class _Own:
    """Marks the type of a field that names a file or folder of the user's own."""


# The type of every field of params.yaml that names a file or folder of the user's own; the engines find them by it.
OwnPath = Annotated[str, Field(min_length=1), _Own()]


def located(path: str) -> Path:
    """Return where a path of params.yaml leads: `~` expanded, else relative to the project's root or absolute."""
    return Path(os.path.expanduser(path))


def below(root: Path, section: Section) -> Section:
    """Return a section of params.yaml with the user's own files, which it names, located below a project's root."""
    if root == Path():
        return section
    return section.model_copy(update={name: str(root / located(path)) for name, path in named(section).items()})


def named(section: BaseModel) -> dict[str, str]:
    """Return the fields of a section of params.yaml that name files of the user's own, with their values."""
    values = dict(section)
    own = {
        name: values[name]
        for name, field in type(section).model_fields.items()
        if name in values and (_is_own(field.annotation) or any(isinstance(mark, _Own) for mark in field.metadata))
    }
    return {name: value for name, value in own.items() if value is not None}


def _is_own(annotation: Any) -> bool:
    marks = getattr(annotation, "__metadata__", ())
    return any(isinstance(mark, _Own) for mark in marks) or any(_is_own(part) for part in get_args(annotation))


def entries(folder: Path, skip: Callable[[str], bool] | None = None) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield what lies below a folder: every file, and every folder that a link leads to.

    Links are followed, and each folder is entered once: under its own name where it lies below `folder` itself, else
    under the first link in the order of names. So the result depends on no order of the file system.

    Args:
        folder: where to look.
        skip: names of files and folders to leave out.

    Yields:
        A path relative to `folder`, with "/" between its parts, and its directory entry, which says by `is_dir()` that
        a link leads to a folder.

    Raises:
        SitterError: a folder cannot be read.
    """
    entered: set[str] = set()
    folders = deque([("", os.path.realpath(folder))])
    links: deque[tuple[str, os.DirEntry[str]]] = deque()
    while folders or links:
        if folders:
            here, real = folders.popleft()
            if real in entered:
                continue
        else:
            here, link = links.popleft()
            real = os.path.realpath(link.path)
            if real in entered:
                continue
            yield here, link
        entered.add(real)
        for entry in _listed(os.path.join(folder, here)):
            if skip is not None and skip(entry.name):
                continue
            path = f"{here}/{entry.name}" if here else entry.name
            if not is_folder(entry):
                yield path, entry
            elif entry.is_symlink():
                links.append((path, entry))
            else:
                folders.append((path, f"{real}/{entry.name}"))


def walk(folder: Path, skip: Callable[[str], bool] | None = None) -> Iterator[Path]:
    """Yield the files below a folder, relative to it, links followed and each folder entered once; see `entries`."""
    for path, entry in entries(folder, skip):
        if not is_folder(entry):
            yield Path(path)


def _listed(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise SitterError(f"{folder.rstrip('/')} cannot be read ({error.strerror}): make it readable.") from None


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a folder, or a link that leads to one."""
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False
