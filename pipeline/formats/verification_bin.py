"""Verification sets as InsightFace ships them: a pickle of 2N encoded images and N booleans."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.core.errors import SitterError
from pipeline.core.files import atomic_file
from pipeline.formats.unpickle import unpickle


def read_bin(path: Path) -> tuple[list[bytes], list[bool]]:
    """Return the 2N encoded images of a verification set, and whether each of its N pairs is genuine.

    Raises:
        SitterError: the file is no such set, or holds anything except images and booleans.
    """
    content = unpickle(path)
    if not isinstance(content, tuple | list) or len(content) != 2:
        raise SitterError(f"{path} holds {_what(content)}, not images and booleans: is it a verification set?")
    images, same = content
    same = list(same) if isinstance(same, bytes) else same  # an array of bytes: 0 and 1
    for values, what, kinds in ((images, "images", (bytes,)), (same, "booleans", (bool, int, float))):
        if not isinstance(values, tuple | list):
            raise SitterError(f"{path} holds {_what(values)} in place of its {what}: is it a verification set?")
        for i, value in enumerate(values):
            if not isinstance(value, kinds) or (what == "booleans" and value not in (0, 1)):
                raise SitterError(f"{path}: number {i} of its {what}, counted from 0, is {_what(value)}.")
    if len(images) % 2:
        raise SitterError(
            f"{path} holds an odd number of images, {len(images)}, but pair i is images 2i and 2i + 1: it is cut off, "
            "or no verification set. Fetch it again."
        )
    if not images or len(images) != 2 * len(same):
        raise SitterError(
            f"{path} holds {len(images)} images and {len(same)} booleans, but should have one boolean for each two "
            "images: fetch it again."
        )
    return list(images), [bool(value) for value in same]


def _what(value: Any) -> str:
    return f"{value}" if isinstance(value, bool | int | float) else f"a {type(value).__name__}"


def write_bin(path: Path, images: Sequence[bytes], same: Sequence[bool], protocol: int = 4) -> None:
    """Write a verification set as InsightFace's `lfw2pack.py` writes it.

    Args:
        path: the `.bin`.
        images: 2N encoded images: pair i is 2i and 2i + 1.
        same: whether each of the N pairs is genuine.
        protocol: the protocol of the pickle.

    Raises:
        SitterError: the numbers of images and pairs do not fit.
    """
    if not same or len(images) != 2 * len(same):
        raise SitterError(f"{path}: {len(images)} images for {len(same)} pairs, which need two each.")
    with atomic_file(path) as part, open(part, "wb") as file:
        pickle.dump((list(images), list(same)), file, protocol=protocol)
