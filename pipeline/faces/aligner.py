"""What becomes of one image: read, faces found, one chosen, cropped, and accounted for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeline.faces.alignment import ARCFACE, align
from pipeline.faces.detection import Detection
from pipeline.faces.detectors import DETECTORS
from pipeline.faces.image import RGBImage, UnreadableImage, read_image
from pipeline.faces.store import Face, decode, encode
from pipeline.params.align import Align

LANDMARKS = ("left eye", "right eye", "nose", "left mouth corner", "right mouth corner")
# Of 14 paintings in which the detector saw two faces or more, the largest was none in three: lace, a shoe, a shadow,
# with scores of 0.5 to 0.75 beside a face's 0.95. So size and place decide only among those that are about as sure.
SURE = 0.8


@dataclass(frozen=True, eq=False)
class Outcome:
    """A row of `faces.csv`, and the face if there is one."""

    row: dict[str, Any]
    face: Face | None = None


class Aligner:
    """Turns rows of a raw manifest into outcomes; loads the detectors once."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        """From the folder of the raw images and the entry under `align`, as plain values (so that it can be sent)."""
        cv2.setNumThreads(1)
        self.folder = folder
        self.settings = Align.model_validate(settings)
        self.detectors = {options.kind: DETECTORS.make(options) for options in self.settings.detectors}

    def __call__(self, row: Mapping[str, str]) -> Outcome:
        """Find and crop the face of one image; `row` holds image_id, path, sitter."""
        account: dict[str, Any] = {"image_id": row["image_id"], "path": row["path"], "sitter": row["sitter"]}
        try:
            image = read_image(self.folder / row["path"], self.settings.max_megapixels)
        except UnreadableImage as error:
            return Outcome(account | {"status": "unreadable", "reason": error.reason, "faces": 0})
        height, width = image.shape[:2]
        account |= {"width": width, "height": height}
        kind, found = self._detect(image)
        if not found:
            reason = "; ".join(dict.fromkeys(detector.nothing for detector in self.detectors.values()))
            return Outcome(account | {"status": "no_face", "reason": reason, "faces": 0})
        chosen, why = choose(found, self.settings.choose, width, height)
        reasons = [why] if why else []
        if outside := beyond(chosen, width, height):
            reasons.append(f"half a face: {', '.join(outside)} beyond the edge")
        account |= {
            "status": "aligned",
            "reason": "; ".join(reasons),
            "faces": len(found),
            "detector": kind,
            "scale": round(chosen.scale, 4),
            "score": round(chosen.score, 4),
            **{name: round(float(x), 2) for name, x in zip(("x0", "y0", "x1", "y1"), chosen.box, strict=True)},
        }
        as_delivered = kind == "aligned" and image.shape[:2] == (ARCFACE.size, ARCFACE.size)
        crop = self._delivered(row, image) if as_delivered else encode(align(image, chosen.landmarks))
        face = Face(row["image_id"], row["sitter"], crop, chosen.landmarks, kind, chosen.score)
        return Outcome(account, face)

    def _detect(self, image: RGBImage) -> tuple[str, list[Detection]]:
        """Faces of the first detector that finds any, and its kind."""
        for kind, detector in self.detectors.items():
            if found := detector.detect(image):
                return kind, found
        return "", []

    def _delivered(self, row: Mapping[str, str], image: RGBImage) -> bytes:
        """The file's own bytes, if the store reads from them what was read from the file; else encoded anew."""
        data = (self.folder / row["path"]).read_bytes()
        same = decode(data)
        return data if same is not None and np.array_equal(same, image) else encode(image)


def choose(found: Sequence[Detection], how: str, width: int, height: int) -> tuple[Detection, str]:
    """The sitter's face, and why it is that one, where there are several.

    The surest; or, of all whose score is `SURE` of the best one's, the largest (of its part within the image) or most
    central.
    """
    if len(found) == 1:
        return found[0], ""
    best = max(found, key=lambda face: face.score)
    sure = [face for face in found if face.score >= SURE * best.score]
    if how == "score" or len(sure) == 1:
        return best, f"the surest of {len(found)} faces"
    if how == "central":
        middle = np.array([width, height]) / 2
        chosen = min(sure, key=lambda face: float(np.hypot(*(face.box.reshape(2, 2).mean(0) - middle))))
        return chosen, f"the most central of {len(found)} faces"
    chosen = max(sure, key=lambda face: float(np.prod(np.ptp(face.box.reshape(2, 2).clip(0, (width, height)), axis=0))))
    return chosen, f"the largest of {len(found)} faces"


def beyond(face: Detection, width: int, height: int) -> list[str]:
    """Names of the landmarks that lie outside the image."""
    inside = (face.landmarks >= 0) & (face.landmarks <= (width - 1, height - 1))
    return [LANDMARKS[i] for i in np.flatnonzero(~inside.all(1))]
