"""Aligns one image: reads it, finds faces, chooses one, crops it, and accounts for the image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.alignment import ARCFACE, align, crop_landmarks
from pipeline.core.layout import Layout
from pipeline.core.pixels import RGBImage
from pipeline.faces.corrections import Correction
from pipeline.faces.detection import Detection
from pipeline.faces.image import UnreadableImage, encoded_image, read_image
from pipeline.params.align import Align
from pipeline.store.accounts import ALIGNED, DROPPED, NO_FACE, UNREADABLE, ImageAccount, OtherFace
from pipeline.store.faces import StoredFace, decode, encode
from pipeline.store.raw import RawImage

LANDMARKS = ("left eye", "right eye", "nose", "left mouth corner", "right mouth corner")
# In 3 of 14 paintings with two detections or more, the largest was no face but lace, a shoe or a shadow, with scores of
# 0.5 to 0.75 beside a face's 0.95. So size and place decide only among detections with this share of the best score.
SURE = 0.8
# Where the landmarks of a face lie in its box, as shares of width and height: means of 253 paintings, made symmetrical.
FRONTAL = np.array([[0.30, 0.39], [0.70, 0.39], [0.5, 0.58], [0.35, 0.76], [0.65, 0.76]], np.float32)
# Around a box that a human has drawn, a detector looks at this share of the box more on each side, then at all of the
# image. It takes the face that fits the box best, which need not fit exactly.
AROUND = 0.5
OVERLAP = 0.3
# The account lists at most this many of the faces that were not taken.
OTHERS = 4


@dataclass(frozen=True, eq=False)
class AlignedImage:
    """What the account says about an image, and the face if there is one."""

    account: ImageAccount
    face: StoredFace | None = None


class Aligner:
    """Turns rows of a raw manifest into outcomes; loads the detectors once."""

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, Any],
        at: Layout,
        corrections: Mapping[str, Correction] | None = None,
    ) -> None:
        """Make one from the folder of the raw images and the entry under `align`, as plain values (so that it pickles).

        `corrections` holds a human's corrections by image id; the detectors' weights lie in the project `at`.
        """
        cv2.setNumThreads(1)
        self.folder = folder
        self.settings = Align.model_validate(settings)
        self.detectors = [(options.kind, options.make(at=at)) for options in self.settings.detectors]
        self.corrections = corrections or {}

    def __call__(self, raw: RawImage) -> AlignedImage:
        """Find and crop the face of one image."""
        correction = self.corrections.get(raw.image_id)
        how = "" if correction is None else correction.how
        account = ImageAccount(raw.image_id, raw.path, raw.sitter, NO_FACE, corrected=how)
        if correction is not None and correction.how == "drop":
            said = f"dropped by line {correction.line} of the corrections"
            return AlignedImage(replace(account, status=DROPPED, reason=said))
        try:
            image = read_image(self.folder / raw.path, self.settings.max_megapixels)
        except UnreadableImage as error:
            return AlignedImage(replace(account, status=UNREADABLE, reason=error.reason))
        height, width = image.shape[:2]
        account = replace(account, size=(width, height))
        kind, found, reasons = self.detect(image) if correction is None else self.corrected(image, correction)
        if not found:
            return AlignedImage(replace(account, reason="; ".join(reasons)))
        chosen, why = choose(found, self.settings.choose, width, height)
        reasons += [why] if why else []
        others = [face for face in found if face is not chosen]
        account = replace(
            described(account, kind, chosen, reasons),
            faces=len(found),
            others=tuple(OtherFace(" ".join(f"{x:.0f}" for x in f.box), f"{f.score:.4f}") for f in others[:OTHERS]),
        )
        as_delivered = kind == "aligned" and image.shape[:2] == (ARCFACE.size, ARCFACE.size)
        crop = self._delivered(raw, image) if as_delivered else encode(align(image, chosen.landmarks))
        face = StoredFace(raw.image_id, raw.sitter, crop, chosen.landmarks, kind, chosen.score)
        return AlignedImage(account, face)

    def detect(self, image: RGBImage) -> tuple[str, list[Detection], list[str]]:
        """Return the faces of the first detector that finds any, its kind, and remarks on detectors that found none."""
        nothing: list[str] = []
        for kind, detector in self.detectors:
            if found := detector.detect(image):
                return kind, found, [f"{', '.join(nothing)} found no face"] if nothing else []
            nothing.append(kind)
        return "", [], list(dict.fromkeys(detector.nothing for _, detector in self.detectors))

    def corrected(self, image: RGBImage, correction: Correction) -> tuple[str, list[Detection], list[str]]:
        """Return the face that a human marked: by landmarks, by a detector near the box, or with average landmarks."""
        said = f"{correction.how} from line {correction.line} of the corrections"
        if correction.how == "landmarks":
            low, high = FRONTAL.min(0), FRONTAL.max(0)
            size = np.ptp(correction.points, axis=0) / (high - low)
            corner = correction.points.min(0) - low * size
            box = np.concatenate([corner, corner + size]).astype(np.float32)
            return "correction", [Detection(box, correction.points, 1.0)], [said]
        size = np.ptp(correction.points, axis=0)
        x0, y0 = np.maximum(correction.points[0] - AROUND * size, 0).astype(int)
        x1, y1 = np.ceil(correction.points[1] + AROUND * size).astype(int)
        around, box = np.ascontiguousarray(image[y0:y1, x0:x1]), correction.points.ravel()
        for kind, detector in self.detectors:
            for part, corner in ((around, (x0, y0)), (image, (0, 0))) if kind != "aligned" else ():
                shift = np.array(corner, np.float32)
                faces = [
                    Detection(seen.box + np.tile(shift, 2), seen.landmarks + shift, seen.score, seen.scale)
                    for seen in detector.detect(part)
                ]
                meant = max(faces, key=lambda face: overlap(face.box, box), default=None)
                if meant is not None and overlap(meant.box, box) >= OVERLAP:
                    return kind, [meant], [said]
        points = correction.points[0] + FRONTAL * size
        return "correction", [Detection(box, points, 1.0)], [f"{said}, landmarks as in a frontal face"]

    def _delivered(self, raw: RawImage, image: RGBImage) -> bytes:
        """Return the image's own bytes, if the store decodes them to the same pixels; else the image encoded anew."""
        data = encoded_image(self.folder / raw.path)
        same = decode(data)
        return data if same is not None and np.array_equal(same, image) else encode(image)


def described(image: ImageAccount, kind: str, face: Detection, reasons: Sequence[str]) -> ImageAccount:
    """Return an image in the account with the face that was taken.

    Args:
        image: the image, with its size.
        kind: the kind of the detector.
        face: the face, in pixels of the image.
        reasons: further remarks.
    """
    assert image.size is not None
    outside = beyond(face, *image.size)
    said = [*reasons, *([f"half a face: {', '.join(outside)} beyond the edge"] if outside else [])]
    x0, y0, x1, y1 = (round(float(x), 2) for x in face.box)
    return replace(
        image,
        status=ALIGNED,
        reason="; ".join(said),
        faces=1,
        detector=kind,
        scale=round(face.scale, 4),
        score=round(face.score, 4),
        box=(x0, y0, x1, y1),
        misfit=round(misfit(face), 2),
    )


def choose(found: Sequence[Detection], how: str, width: int, height: int) -> tuple[Detection, str]:
    """Return the sitter's face and, where there are several faces, why it was chosen.

    That is the surest face; or, among the faces with at least `SURE` times the best score, the largest one (by its part
    within the image) or the most central one; or, among all faces, the nearest to the middle.
    """
    if len(found) == 1:
        return found[0], ""
    middle = np.array([width, height]) / 2

    def off(face: Detection) -> float:
        return float(np.hypot(*(face.box.reshape(2, 2).mean(0) - middle)))

    if how == "middle":
        return min(found, key=off), f"the nearest to the middle of {len(found)} faces"
    best = max(found, key=lambda face: face.score)
    sure = [face for face in found if face.score >= SURE * best.score]
    if how == "score" or len(sure) == 1:
        return best, f"the surest of {len(found)} faces"
    if how == "central":
        chosen = min(sure, key=off)
        return chosen, f"the most central of {len(found)} faces"
    chosen = max(sure, key=lambda face: float(np.prod(np.ptp(face.box.reshape(2, 2).clip(0, (width, height)), axis=0))))
    return chosen, f"the largest of {len(found)} faces"


def beyond(face: Detection, width: int, height: int) -> list[str]:
    """Return names of the landmarks that lie outside the image."""
    inside = (face.landmarks >= 0) & (face.landmarks <= (width - 1, height - 1))
    return [LANDMARKS[i] for i in np.flatnonzero(~inside.all(1))]


def misfit(face: Detection) -> float:
    """Return root mean square distance of the landmarks in the crop from the template's, in pixels of the crop.

    It is about 3 for a frontal face, and 10 or more for a profile or for something that is no face.
    """
    off = crop_landmarks(face.landmarks) - ARCFACE.points
    return float(np.sqrt((off**2).sum(1).mean()))


def overlap(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Return the intersection over union of two boxes (x0, y0, x1, y1)."""
    shared = float((np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])).clip(0).prod())
    return shared / (float((a[2:] - a[:2]).prod()) + float((b[2:] - b[:2]).prod()) - shared)
