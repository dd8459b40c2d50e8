"""Finds one picture twice under one sitter, and tells it from two pictures taken in one sitting.

Two photographs of a still sitter taken within a minute are as alike, face for face, as a photograph and its re-encoded
copy: registered to each other, some crops of ORL correlate at 0.997. The place of the face in the frame tells them
apart. A copy, enlarged or reduced, shows every point at the same share of width and height; a sitter does not hold that
still. So the second crop is moved to where the landmarks and the image sizes put it in the first frame, without any
registration, and the crops are correlated after local contrast normalisation at 56 × 56, blurred as far as the coarser
image of the two demands. Images of different shape may be cuts of one picture: these are registered (ECC).

Measured on 753 photographs and paintings (400 ORL, 100 LFW, 253 paintings of 200 pixels). Of the 2,972 pairs of
different images of one sitter none counts as a copy; the highest scores are 0.977 (ORL), 0.695 (LFW) and 0.956
(paintings: one painting reproduced twice, it seems). Copies were made, detected and aligned afresh; found were, of ORL,
LFW and paintings: JPEG 60 to 95, grey, or enlarged by half: 100, 100, 99 %; half the size: 100, 100, 88 %; 70 % of the
size at JPEG 75: 100, 100, 94 %; in other tones: 100, 100, 97 %; squeezed to 96 × 96: 99, 100, 90 %; cut by 5 %: 0, 93,
44 % (a cut of the same shape as its original is not found). Where images of different shape are mixed, 0.3 % of the
ORL pairs of one sitter are wrongly found by registration.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.alignment import ARCFACE, similarity
from pipeline.core.numbers import Singles
from pipeline.core.pixels import RGBImage
from pipeline.faces.sketches import COARSE, contrast, grey, unit
from pipeline.store.accounts import read_sizes
from pipeline.store.faces import FaceStore

AT_LEAST = 0.98
FINE, EDGE = 56, 5
BLUR = (0.7, 0.5)
"""Standard deviation of the blur of the crops at 56 × 56, in their pixels: at least the first number, and the second
for each crop pixel (at 112 × 112) that one pixel of the raw image covers, so that both show no more than the poorer
image."""
SHIFT = 12.0
"""Largest shift of a copy's landmarks, in pixels of the crop: 98 % of the paintings at half their size pass."""
PATCHES = 0.85
"""Least correlation of patches, the cheap sieve before: 99.7 % of the copies that reach `AT_LEAST` pass it."""
SHAPE = 0.02
"""Ratios of width to height that differ by less count as equal: small images are rounded to whole pixels."""
NEAREST = 2
ROWS = 512
_FLAGS = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
_CENTRES = np.stack(np.meshgrid(np.arange(FINE), np.arange(FINE)), -1).reshape(-1, 2)
_HALF = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25], [0, 0, 1]])
"""Maps pixels of a crop of 112 × 112 to pixels of one of 56 × 56; whole numbers are the centres of pixels."""
_PATCH = np.array([[0.25, 0, -2.375], [0, 0.25, -2.375], [0, 0, 1]])
"""Maps them to pixels of the patch, the inner 24 × 24 of a crop of 28 × 28."""


@dataclass(frozen=True, eq=False)
class Frames:
    """The place of each of n faces in its image."""

    landmarks: NDArray[np.float32]
    """[n, 5, 2], pixels of the image."""
    size: NDArray[np.float64]
    """[n, 2], width and height of the image; 0 where they are not known."""

    def __len__(self) -> int:
        return len(self.size)

    def select(self, faces: Sequence[int]) -> Frames:
        """Return the places of some of the faces."""
        return Frames(self.landmarks[list(faces)], self.size[list(faces)])


def frames_of(store: FaceStore) -> Frames:
    """Return the place of each face of a data set in its image, from the store and the `faces.csv` beside it."""
    size = np.zeros((len(store), 2))
    if (read := read_sizes(store.folder)) is not None:
        image_ids, sizes = read
        rows = store.rows(image_ids).fill_null(-1).to_numpy()
        size[rows[rows >= 0]] = sizes[rows >= 0]
    return Frames(store.landmarks, size)


class SameFrame:
    """Compares faces of one sitter at their places in their images."""

    def __init__(self, frames: Frames) -> None:
        self.maps = np.broadcast_to(np.eye(3), (len(frames), 3, 3)).copy()
        self.maps[:, :2] = similarity(frames.landmarks, ARCFACE.points)
        unknown = ~np.isfinite(self.maps).all(axis=(1, 2)) | np.any(frames.size <= 0, axis=1)
        self.maps[unknown] = np.eye(3)
        self.size = np.where(unknown[:, None], float(ARCFACE.size), frames.size)
        self.scale = np.sqrt(np.abs(np.linalg.det(self.maps[:, :2, :2])))
        """Pixels of the crop for each pixel of the image."""
        points = np.where(unknown[:, None, None], ARCFACE.points, frames.landmarks)
        self.places = ((points + 0.5) / self.size[:, None]).reshape(len(frames), -1)
        """Landmarks as shares of width and height: [n, 10]."""
        self.units = np.tile(self.size * self.scale[:, None], 5)
        """Pixels of the crop for the whole width, and for the whole height: [n, 10]."""

    def candidates(self, sitters: Sequence[str], patches: NDArray[np.float16]) -> list[tuple[int, int]]:
        """Return pairs of faces of one sitter that may be copies of each other: (i, j), i < j.

        For each face these are, among the faces of its sitter, the two with the nearest landmarks in the frame, and the
        two with the most similar patches.

        Args:
            sitters: the sitter of each face.
            patches: float16 [n, 576], see `sketches`.
        """
        _, who = np.unique(np.asarray(sitters), return_inverse=True)
        order = np.argsort(who, kind="stable")
        pairs: set[tuple[int, int]] = set()
        for own in np.split(order, np.flatnonzero(np.diff(who[order])) + 1):
            if len(own) > 1:
                pairs.update(self._nearest(own, patches[own].astype(np.float32)))
        return sorted(pairs)

    def _nearest(self, own: NDArray[np.int64], patches: Singles) -> Iterator[tuple[int, int]]:
        for start in range(0, len(own), ROWS):
            rows = own[start : start + ROWS]
            alike = patches[start : start + ROWS] @ patches.T
            shift = self._shift(rows, own)
            alike[np.arange(len(rows)), np.arange(start, start + len(rows))] = -np.inf
            alike[(alike < PATCHES) & (shift > SHIFT)] = -np.inf
            shift[np.isneginf(alike) | (shift > SHIFT)] = np.inf
            for measure in (-alike, shift):
                nearest = np.argsort(measure, axis=1, kind="stable")[:, :NEAREST]
                for i, columns in enumerate(nearest):
                    for j in columns[measure[i, columns] < np.inf]:
                        yield min(rows[i], own[j]), max(rows[i], own[j])

    def _shift(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the RMS distance [rows, columns] of landmarks, in crop pixels, as if the images filled one frame."""
        weight, a, b = self.units[rows] ** 2, self.places[rows], self.places[columns]
        squared = (weight * a**2).sum(1)[:, None] - 2 * (weight * a) @ b.T + weight @ (b**2).T
        distance: NDArray[np.float64] = np.sqrt(np.maximum(squared, 0) / 5)
        return distance

    def of_one_shape(self, i: int, j: int) -> bool:
        """Whether two images have the same ratio of width to height, so that neither need be a cut of the other."""
        x, y = self.size[j] / self.size[i]
        return bool(abs(np.log(x / y)) < SHAPE)

    def _across(self, i: int, j: int) -> NDArray[np.float64]:
        """Return the map from the crop of one face to the crop of another, if both images fill one frame: [3, 3]."""
        ratio = self.size[j] / self.size[i]
        scaled = np.array([[ratio[0], 0, (ratio[0] - 1) / 2], [0, ratio[1], (ratio[1] - 1) / 2], [0, 0, 1]])
        across: NDArray[np.float64] = self.maps[j] @ scaled @ np.linalg.inv(self.maps[i])
        return across

    def patches_agree(self, i: int, j: int, a: Singles, b: Singles) -> bool:
        """Whether two patches [576] nearly agree, with the second moved to its place in the frame of the first."""
        across = (_PATCH @ self._across(i, j) @ np.linalg.inv(_PATCH))[:2]
        side = COARSE - 4
        moved = cv2.warpAffine(b.reshape(side, side), across, (side, side), flags=_FLAGS).reshape(-1)
        both = moved != 0
        lengths = float(np.linalg.norm(moved) * np.linalg.norm(a[both]))
        return bool(both.mean() >= 0.5 and moved @ a >= PATCHES * max(lengths, 1e-6))

    def similarity(self, i: int, j: int, a: RGBImage, b: RGBImage) -> float:
        """Return the correlation of two crops, the second moved to its place in the first one's frame: -1 … 1.

        It is -1 where they share less than half of the face.
        """
        across = _HALF @ self._across(i, j) @ np.linalg.inv(_HALF)
        first, second = (cv2.resize(grey(crop), (FINE, FINE), interpolation=cv2.INTER_AREA) for crop in (a, b))
        moved = cv2.warpAffine(second, across[:2], (FINE, FINE), flags=_FLAGS, borderMode=cv2.BORDER_REPLICATE)
        shown = self._shown(i, across)
        inner = shown[EDGE:-EDGE, EDGE:-EDGE]
        if inner.mean() < 0.5:
            return -1.0
        blur = max(BLUR[0], BLUR[1] * max(self.scale[i], self.scale[j]))
        vectors = []
        for image in (first, moved):
            image[~shown] = image[shown].mean()
            smooth = np.asarray(cv2.GaussianBlur(image, (0, 0), blur), np.float32)
            vectors.append(unit(contrast(smooth)[EDGE:-EDGE, EDGE:-EDGE][inner]))
        return float(vectors[0] @ vectors[1])

    def _shown(self, i: int, across: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return the pixels of the first crop that show its image (not the black around) and lie in the second crop."""
        raw = np.linalg.inv(_HALF @ self.maps[i])
        inside = np.ones(len(_CENTRES), dtype=bool)
        for m, (width, height) in ((raw, self.size[i]), (across, (FINE, FINE))):
            x, y = (_CENTRES @ m[:2, :2].T + m[:2, 2]).T
            inside &= (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
        kernel = np.ones((3, 3), np.uint8)
        eroded = cv2.erode(inside.reshape(FINE, FINE).astype(np.uint8), kernel, borderValue=1.0)
        return np.asarray(eroded, bool)
