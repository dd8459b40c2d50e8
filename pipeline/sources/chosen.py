"""Chooses the files of a folder or an archive that are portraits, and accounts for all others, in the same words."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from pipeline.sources.clutter import clutter
from pipeline.sources.image_files import is_image

logger = logging.getLogger(__name__)

SHOWN = 3
# Common names of a folder above the sitters' folders.
ABOVE = {
    *("train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval"),
    *("probe", "probes", "gallery", "query", "enrol", "enroll", "known", "unknown"),
    *("images", "imgs", "image", "faces", "photos", "photographs", "pictures", "portraits", "paintings"),
    *("data", "dataset"),
}


@dataclass(frozen=True)
class Chosen:
    """Files below a folder of sitters' folders, as relative paths."""

    taken: list[PurePosixPath]
    """Portraits: `SITTER/…/image.jpg`."""
    left: Mapping[str, list[PurePosixPath]]
    """All other files except clutter, by the reason why they are not taken."""
    clutter: Mapping[str, list[PurePosixPath]]
    """Files that programs have put there, by the folder or the kind of name that shows it."""
    empty: list[str]
    """Folders on the level of the sitters without a portrait."""


def choose(
    files: Iterable[PurePosixPath],
    pattern: str,
    folders: Iterable[str] = (),
    is_file: Callable[[PurePosixPath], bool] = lambda path: True,
) -> Chosen:
    """Sort files into portraits, others and clutter.

    Args:
        files: relative to the folder that holds the sitters' folders.
        pattern: the pattern that the names of portraits match, case-sensitively.
        folders: names of folders on the level of the sitters including folders without files.
        is_file: whether a path leads to a file, which a broken link does not.
    """
    taken: list[PurePosixPath] = []
    left: dict[str, list[PurePosixPath]] = defaultdict(list)
    cluttered: dict[str, list[PurePosixPath]] = defaultdict(list)
    tops = {name for name in folders if clutter(PurePosixPath(name, "a")) is None}
    for path in files:
        if (what := clutter(path)) is not None:
            cluttered[what].append(path)
            continue
        if len(path.parts) > 1:
            tops.add(path.parts[0])
        if not is_image(path.name):
            left["of a type that is not read as an image"].append(path)
        elif len(path.parts) == 1:
            left["in no sitter's folder"].append(path)
        elif not fnmatchcase(path.name, pattern):
            left[f"with names that do not fit the pattern {pattern} (capitals count)"].append(path)
        elif not is_file(path):
            left["which are links that lead nowhere"].append(path)
        else:
            taken.append(path)
    return Chosen(taken, left, cluttered, sorted(tops - {path.parts[0] for path in taken}))


def say(entry: str, chosen: Chosen, deeper: Callable[[str], str]) -> None:
    """Print what was not taken and why, and whether the sitters' folders seem to lie elsewhere.

    Args:
        entry: the entry of `download`.
        chosen: what was found.
        deeper: names the setting that makes a folder further down the folder of the sitters' folders.
    """
    lines = []
    if chosen.left:
        count = sum(map(len, chosen.left.values()))
        reasons = sorted(chosen.left.items())
        parts = [f"{len(paths)} {reason} ({some(sorted(map(str, paths)))})" for reason, paths in reasons]
        lines.append(f"{count} files not taken: {', '.join(parts)}")
    if chosen.empty:
        lines.append(f"{len(chosen.empty)} folders without an image: {some(chosen.empty)}")
    if chosen.clutter:
        lines.append(cluttered(chosen))
    if (note := misplaced(chosen.taken, deeper)) is not None:
        lines.append(note)
    for line in lines:
        logger.info(f"{entry}: {line}")


def cluttered(chosen: Chosen) -> str:
    """Say which files were left out because programs made them."""
    kinds = sorted(chosen.clutter.items(), key=lambda item: (-len(item[1]), item[0]))
    counts = ", ".join(f"{len(paths)} {what}" for what, paths in kinds[:8]) + (" …" if len(kinds) > 8 else "")
    count = sum(map(len, chosen.clutter.values()))
    example = min(map(str, kinds[0][1]))
    return f"{count} files of photo programs or the system left out: {counts} ({example} …)"


def some(names: Sequence[str]) -> str:
    """Return the first few of many names, for a message."""
    return ", ".join(names[:SHOWN]) + (" …" if len(names) > SHOWN else "")


def misplaced(taken: Sequence[PurePosixPath], deeper: Callable[[str], str]) -> str | None:
    """Say where the sitters' folders seem to lie one level (or more) below those that were read as sitters.

    Args:
        taken: the portraits.
        deeper: names the setting that would read the folders in a given folder as sitters.

    Returns:
        None where the layout looks as it should: images in the sitters' folders, or in folders like `photos` that
        many sitters have, or in folders with numbers for names.
    """
    direct: Counter[str] = Counter()
    inner: dict[str, set[str]] = defaultdict(set)
    for path in taken:
        if len(path.parts) == 2:
            direct[path.parts[0]] += 1
        else:
            inner[path.parts[0]].add(path.parts[1])
    above = sorted(top for top in inner if top not in direct)
    if not above:
        return None
    if len(above) == 1 and not direct:
        top, below = _descended(taken)
        if not below or (all(map(_is_number, below)) and above[0].casefold() not in ABOVE):
            return None
        return (
            f"all images lie in the folder {above[0]}, which was read as the only sitter. If the sitters are its "
            f"folders ({some(below)}), set {deeper(top)}"
        )
    named = [top for top in above if top.casefold().rstrip("0123456789-_ ") in ABOVE]
    if not named:
        names = Counter(name for top in above for name in inner[top])
        usual = direct or len(names) < 2 * len(above) or max(names.values()) > 1 or all(map(_is_number, names))
        if usual:
            return None
        named = above
    first = named[0]
    return (
        f"{some(named)} {'was read as a sitter' if len(named) == 1 else 'were read as sitters'}, but "
        f"{'holds' if len(named) == 1 else 'hold'} images only in folders of their own "
        f"({', '.join(sorted(inner[first])[:SHOWN])} …). If those are the sitters, set {deeper(first)}"
        + (", and likewise the others as entries of their own" if len(named) > 1 else "")
    )


def _descended(taken: Sequence[PurePosixPath]) -> tuple[str, list[str]]:
    """Return the deepest folder that holds all images only in further folders, and these folders."""
    depth = 1
    while len({path.parts[:depth] for path in taken}) == 1 and min(len(path.parts) for path in taken) > depth + 1:
        depth += 1
    depth -= 1
    below = {path.parts[depth] for path in taken if len(path.parts) > depth + 1}
    return "/".join(taken[0].parts[:depth]), sorted(below)


def _is_number(name: str) -> bool:
    """Whether a folder's name is a year, a date or a number."""
    return not any(letter.isalpha() for letter in name)
