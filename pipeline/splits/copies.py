"""Finds the images of a data set that show the same picture, so that one picture counts once.

Images show the same picture if they are the same file (by the checksum in the manifest) with the face at the same
place, or near-duplicates (see `faces.duplicates`), directly or through others. If several images of one sitter show one
picture, only the best is used: the largest, then the one with the highest detector score, then the first by name. One
picture under two to four sitters' names ties these sitters to one side of the split; no benchmark counts the pair, and
nothing is trained or validated on it. A picture under five names or more says nothing about anybody («image not
available»): none of its images is used.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from pipeline.store.accounts import AccountedImage
from pipeline.store.splits import CopyPair

if TYPE_CHECKING:
    from pipeline.store.faces import ChosenFaces

PLACEHOLDER = 5
"""A picture under the names of this many sitters or more is a placeholder."""


@dataclass(frozen=True)
class CopiedPicture:
    """One picture that several images show."""

    images: list[str]
    """The ids of the images, the best first."""
    sitters: list[str]
    """The sitters of the images, sorted."""

    @property
    def is_placeholder(self) -> bool:
        """Whether the picture has so many sitters that it says nothing about anybody."""
        return len(self.sitters) >= PLACEHOLDER


@dataclass(frozen=True)
class Copies:
    """The images of a data set that show the same picture as another."""

    pairs: list[CopyPair]
    pictures: list[CopiedPicture]
    ties: list[tuple[str, str]]
    """Pairs of sitters who share a picture that is no placeholder."""


def find_copies(originals: Sequence[AccountedImage], faces: ChosenFaces | None = None) -> Copies:
    """Find the images that show the same picture.

    Args:
        originals: images of known sitters, without renderings.
        faces: the faces of these images, to search for near-duplicates; without them, only images that are the same
            file are found.
    """
    root = list(range(len(originals)))
    found: list[tuple[int, int, float, str]] = []

    def root_of(n: int) -> int:
        """Return the image that stands for the picture of image n, and shorten the way to it."""
        while root[n] != n:
            root[n] = n = root[root[n]]
        return n

    def join(links: Iterable[tuple[int, int, float]], how: str) -> set[int]:
        """Record the pairs, join their pictures, and return the pictures that grew."""
        joined = []
        for a, b, similarity in links:
            found.append((a, b, similarity, how))
            first, second = sorted((root_of(a), root_of(b)))
            if first != second:
                root[second] = first
                joined.append(first)
        return {root_of(n) for n in joined}

    join(_same_files(originals), "same file")
    if faces is not None:
        search = _searcher(originals, faces)
        looked_at = sorted({root_of(n) for n in range(len(originals))})
        while looked_at:  # an image finds only its nearest, so one image of each chain that grew searches again
            looked_at = sorted(join(search(looked_at), "likeness"))
    shown: dict[int, list[AccountedImage]] = defaultdict(list)
    for n in {n for a, b, _, _ in found for n in (a, b)}:
        shown[root_of(n)].append(originals[n])
    ordered = sorted([sorted(own, key=_rank) for own in shown.values()], key=lambda own: own[0].image_id)
    pictures = [CopiedPicture([i.image_id for i in own], sorted({i.sitter for i in own})) for own in ordered]
    ties = [pair for picture in pictures if not picture.is_placeholder for pair in pairwise(picture.sitters)]
    pairs = []
    for m, n, similarity, how in sorted(found):
        a, b = originals[m], originals[n]
        pairs.append(CopyPair(a.image_id, b.image_id, a.sitter, b.sitter, similarity, how))
    return Copies(pairs, pictures, ties)


def _rank(image: AccountedImage) -> tuple[float, float, str]:
    """Return a key that sorts images of one picture, the best first: by pixels, by the detector's score, by name."""
    width, height, score = (float(text or 0) for text in (image.width, image.height, image.score))
    return -width * height, -score, image.image_id


def _same_files(originals: Sequence[AccountedImage]) -> list[tuple[int, int, float]]:
    """Return images that are the same file with the face at the same place: the numbers of the first and another one.

    One file may show two sitters, and be listed for both with a different face; then neither image is a copy.
    """
    first: dict[str, list[int]] = defaultdict(list)
    links = []
    for n, image in enumerate(originals):
        if not image.file:
            continue
        earlier = next((m for m in first[image.file] if same_place(image.box, originals[m].box)), None)
        if earlier is None:
            first[image.file].append(n)
        else:
            links.append((earlier, n, 1.0))
    return links


def same_place(a: Sequence[str], b: Sequence[str]) -> bool:
    """Whether two boxes (x0, y0, x1, y1) have an intersection over union of at least 0.5; true if one is unknown."""
    if not all(a) or not all(b):
        return True
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = ([float(x) for x in box] for box in (a, b))
    shared = max(0.0, min(ax1, bx1) - max(ax0, bx0)) * max(0.0, min(ay1, by1) - max(ay0, by0))
    return shared >= 0.5 * ((ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0) - shared)


def _searcher(
    originals: Sequence[AccountedImage], faces: ChosenFaces
) -> Callable[[Sequence[int]], list[tuple[int, int, float]]]:
    """Return a function that searches for near-duplicates among some of the images, given by their numbers."""
    import numpy as np

    from pipeline.faces.duplicates import near_duplicates
    from pipeline.faces.same_frame import Frames

    size = np.array([[float(image.width or 0), float(image.height or 0)] for image in originals])
    frames = Frames(faces.landmarks, size)
    sitters = [image.sitter for image in originals]

    def search(numbers: Sequence[int]) -> list[tuple[int, int, float]]:
        pairs = near_duplicates(faces.chosen(numbers), [sitters[n] for n in numbers], frames.select(numbers))
        return [(numbers[a], numbers[b], similarity) for a, b, similarity in pairs]

    return search
