"""Finds files that a list names almost rightly: with Windows backslashes, other encodings of accents, or other case.

A file is looked for only where it does not exist as written. Each folder is listed once, however many rows name it.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from pipeline.core.names import nfc

SHOWN = 3
EXPLAINED = 20
"""Number of missing files for which similar names are searched, since that takes long in large folders."""
BACKSLASHES, ACCENTS, CAPITALS = "backslashes", "accents encoded in another way", "other capitals"


class NotFound(Exception):
    """A path matches no file, or more than one; the message is the reason."""


class FileFinder:
    """Finds the files below a folder that paths from another computer refer to, and counts them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.counts: Counter[str] = Counter()
        """Number of files found, by the kind of difference."""
        self.example = ""
        self._folders: dict[Path, _Folder] = {}
        self._missed = 0

    def find(self, written: str) -> Path:
        """Return the one file that matches a path which does not exist as written.

        Raises:
            NotFound: there is none, or there are several; the message names the nearest ones.
        """
        if written[1:3] == ":\\" or written.startswith("\\\\"):
            raise NotFound(f"is a path of a Windows computer: write it relative to {self.root}")
        text = written.replace("\\", "/")
        if not Path(os.path.abspath(self.root / text)).is_relative_to(os.path.abspath(self.root)):
            raise NotFound(f"lies outside {self.root}")
        differs = [BACKSLASHES] if text != written else []
        here = Path("/") if text.startswith("/") else self.root
        for part in text.strip("/").split("/"):
            if part in ("", "."):
                continue
            if part == "..":
                here = here.parent
                continue
            name, how = self._found(here, part)
            here, differs = here / name, differs + how
        if not differs:
            raise NotFound("does not exist")
        self.counts.update(set(differs))
        self.example = self.example or f"{written!r} is {os.path.relpath(here, self.root)!r}"
        return here

    def _found(self, folder: Path, part: str) -> tuple[str, list[str]]:
        """Return the name in a folder that a part of a path matches, and how the two differ."""
        if folder not in self._folders:
            self._folders[folder] = _Folder(folder)
        names = self._folders[folder]
        found = names.find(part)
        if found is None:
            self._missed += 1
            close = names.close(part) if self._missed <= EXPLAINED else []
            raise NotFound("does not exist" + (f" (the folder holds {_some(close)})" if close else ""))
        return found


class _Folder:
    """The names in a folder, read once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def names(self) -> frozenset[str]:
        try:
            return frozenset(os.listdir(self.path))
        except OSError:
            return frozenset()

    @cached_property
    def composed(self) -> dict[str, list[str]]:
        """Return the names by their composed form."""
        return _by(nfc, self.names)

    @cached_property
    def folded(self) -> dict[str, list[str]]:
        """Return the names by their composed form without case."""
        return _by(lambda name: nfc(nfc(name).casefold()), self.names)

    def find(self, part: str) -> tuple[str, list[str]] | None:
        """Return the name that matches, and how it differs; None where there is no such name."""
        if part in self.names:
            return part, []
        for names, key, how in (
            (self.composed, nfc(part), [ACCENTS]),
            (self.folded, nfc(nfc(part).casefold()), [CAPITALS]),
        ):
            found = names.get(key, [])
            if len(found) > 1:
                raise NotFound(f"does not exist, and could be any of {_some(found)}: write the one that is meant")
            if found:
                return found[0], how
        return None

    def close(self, part: str) -> list[str]:
        """Return the names that are most similar to a missing one."""
        close = get_close_matches(nfc(nfc(part).casefold()), list(self.folded), n=SHOWN, cutoff=0.7)
        return [name for key in close for name in self.folded[key]]


def _by(key: Callable[[str], str], names: frozenset[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        found[key(name)].append(name)
    return dict(found)


def _some(names: list[str]) -> str:
    return ", ".join(map(repr, names[:SHOWN])) + (" …" if len(names) > SHOWN else "")
