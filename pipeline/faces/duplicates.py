"""Near-duplicates among aligned faces: one picture under two names, and one picture twice under one name.

Pictures under two names are found by three sieves, each finer and slower than the one before:

1. A perceptual hash of 255 bits (pHash: signs of the lowest 16 × 16 DCT coefficients of the grey crop about their
   median, without the first; Zauner 2010). All pairs are compared, in tiles; for each face, the nearest of another
   sitter goes on.
2. Correlation of the crops at 28 × 28 after local contrast normalisation, which is blind to tone and lighting.
3. The same at 56 × 56 after registration (ECC; Evangelidis and Psarakis, PAMI 2008), since landmarks found in two
   copies differ by a pixel or two.

Aligned faces are alike, so a common 64-bit hash would not do: some of different sitters are 4 bits apart, copies up
to 22. Measured on 753 faces (ORL and LFW photographs, small paintings), each altered, then detected and aligned afresh
and put under another name: of pairs of different sitters the highest score is 0.84, so none was taken for a copy. Found
were 98 to 100 % of the copies in other tones, 72 to 99 % at JPEG 30, 44 to 98 % at 60 % of the size, 22 to 98 % cropped
by 5 % (worst: images of 100 to 200 pixels, where the landmarks move). Of different ORL photographs of one sitter, taken
seconds apart in one light, 3 % of the pairs would count as copies, so under one name the place of the face in the image
counts, too (see `frames`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.numbers import Singles
from pipeline.core.parallel import cores
from pipeline.core.pixels import RGBImage
from pipeline.core.progress import progress
from pipeline.faces.same_frame import AT_LEAST, Frames, SameFrame
from pipeline.faces.sketches import COARSE, HASH, contrast, grey, reduced, sketch, unit

SIGNS = 102  # least agreement (equal bits minus different bits, of 255): a Hamming distance of at most 76
COARSE_AT_LEAST = 0.85
FINE, FINE_AT_LEAST = 56, 0.95
TILE = 4096


class Crops(Protocol):
    """Anything that gives crops by number, from 0 on: a face store, some of its faces, or several stores in a row."""

    def __len__(self) -> int: ...

    def crop(self, i: int) -> RGBImage:
        """uint8 [112, 112, 3], RGB."""
        ...


class Duplicate(NamedTuple):
    """Two faces, by their numbers, and the correlation of their registered crops (-1 … 1)."""

    a: int
    b: int
    similarity: float


def near_duplicates(faces: Crops, sitters: Sequence[str], frames: Frames | None = None) -> list[Duplicate]:
    """Find pairs of faces that show one picture.

    Each face is compared with the nearest face of any other sitter and, where `frames` are given, with the nearest few
    of its own sitter. So many copies of one picture are found as chains.

    Args:
        faces: the faces to compare.
        sitters: the sitter of each of them.
        frames: the place of each of them in its image.

    Returns:
        Pairs with `a` before `b`, in their order.
    """
    hashes, patches = _sketches(faces)
    near = [
        (i, j)
        for i, j in nearest_of_another(hashes, sitters)
        if patches[i].astype(np.float32) @ patches[j] >= COARSE_AT_LEAST
    ]
    same = SameFrame(frames) if frames is not None else None
    own = same.candidates(sitters, patches) if same is not None else []

    def other_sitters(pair: tuple[int, int]) -> Duplicate | None:
        a, b = sorted(pair)
        similarity = registered_similarity(faces.crop(a), faces.crop(b))
        return Duplicate(a, b, similarity) if similarity >= FINE_AT_LEAST else None

    def one_sitter(pair: tuple[int, int]) -> Duplicate | None:
        assert same is not None
        i, j = sorted(pair)
        one, other = patches[i].astype(np.float32), patches[j].astype(np.float32)
        in_frame = same.patches_agree(i, j, one, other)
        cut = not same.of_one_shape(i, j) and one @ other >= COARSE_AT_LEAST
        if not in_frame and not cut:
            return None
        a, b = faces.crop(i), faces.crop(j)
        similarity = same.similarity(i, j, a, b) if in_frame else -1.0
        if similarity < AT_LEAST and cut:
            similarity = registered_similarity(a, b)
        return Duplicate(i, j, similarity) if similarity >= AT_LEAST else None

    found: list[Duplicate] = []
    for score, pairs, title in ((other_sitters, near, "compare near faces"), (one_sitter, own, "compare own faces")):
        if pairs:
            with ThreadPoolExecutor(cores()) as pool:  # OpenCV releases Python's lock
                scored = progress(pool.map(score, pairs), title, total=len(pairs), unit="pair")
                found += [duplicate for duplicate in scored if duplicate is not None]
    return sorted(found)


def _sketches(faces: Crops) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """Return what the first two sieves compare: int8 [n, 255] of ±1, and unit vectors float16 [n, 576]."""
    hashes = np.empty((len(faces), HASH * HASH - 1), np.int8)
    patches = np.empty((len(faces), (COARSE - 4) ** 2), np.float16)

    def one(n: int) -> None:
        hashes[n], patches[n] = sketch(faces.crop(n))

    with ThreadPoolExecutor(cores()) as pool:
        for _ in progress(pool.map(one, range(len(faces))), "hash faces", total=len(faces), unit="face"):
            pass
    return hashes, patches


def nearest_of_another(hashes: NDArray[np.int8], sitters: Sequence[str]) -> list[tuple[int, int]]:
    """Return each face with the nearest one of another sitter by hash, if near enough: pairs (i, j), i < j.

    Sums of ±1 are exact in float32, so the result does not depend on the number of threads.
    """
    _, who = np.unique(np.asarray(sitters), return_inverse=True)
    order = np.argsort(who, kind="stable")  # so that only tiles near the diagonal hold pairs of one sitter
    hashes, who = hashes[order], who[order]
    best = np.full(len(order), -np.inf, np.float32)
    other = np.zeros(len(order), np.int64)

    def better(first: int, start: int, similarity: Singles, axis: int) -> None:
        """Keep what lies nearer, along one axis of a tile, than everything seen before for its faces."""
        highest = similarity.max(axis)
        mine = best[first : first + TILE]
        won = np.nonzero((highest > mine) & (highest >= SIGNS))[0]
        if len(won):
            mine[won] = highest[won]
            other[won + first] = similarity.take(won, 1 - axis).argmax(axis) + start

    starts = range(0, len(order), TILE)
    tiles = [(i, j) for i in starts for j in starts if i <= j]
    for i, j in progress(tiles, "compare hashes", unit="tile"):
        rows, columns = slice(i, i + TILE), slice(j, j + TILE)
        if who[rows][0] == who[columns][-1]:  # all of one sitter (or, in `overlap`, of one side)
            continue
        similarity = hashes[rows].astype(np.float32) @ hashes[columns].astype(np.float32).T
        if who[rows][-1] >= who[columns][0]:
            similarity[who[rows][:, None] == who[columns][None]] = -np.inf
        better(i, j, similarity, 1)
        if i != j:
            better(j, i, similarity, 0)
    near = np.nonzero(best >= SIGNS)[0]
    pairs: Iterable[tuple[int, int]] = zip(order[near].tolist(), order[other[near]].tolist(), strict=True)
    return sorted({(min(p), max(p)) for p in pairs})


def registered_similarity(a: RGBImage, b: RGBImage) -> float:
    """Return the correlation of two crops after one is registered to the other by an affine transform: -1 … 1.

    It is -1 where they cannot be registered, which means that they show different things.
    """
    first, second = (reduced(grey(crop), FINE, 0.7) for crop in (a, b))
    start = np.eye(2, 3, dtype=np.float32)
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 1e-4)
    try:
        _, affine = cv2.findTransformECC(first, second, start, cv2.MOTION_AFFINE, stop)
    except cv2.error:
        return -1.0
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = np.asarray(cv2.warpAffine(second, affine, (FINE, FINE), flags=flags), np.float32)
    inner = slice(FINE // 10, -(FINE // 10))
    return float(np.dot(unit(contrast(first)[inner, inner]), unit(contrast(moved)[inner, inner])))
