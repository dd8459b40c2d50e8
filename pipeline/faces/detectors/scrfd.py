"""SCRFD, through InsightFace's own class (Guo et al., "Sample and Computation Redistribution", ICLR 2022)."""

from __future__ import annotations

import numpy as np

from pipeline.core.errors import SitterError
from pipeline.core.layout import HERE, Layout
from pipeline.core.numbers import Singles
from pipeline.core.pixels import RGBImage
from pipeline.faces.detection import Detection, Search
from pipeline.faces.session import session
from pipeline.params.detectors.scrfd import SCRFDOptions
from pipeline.store.weights import weights_file


class SCRFD:
    """SCRFD with landmarks, any size, as InsightFace's model zoo ships it."""

    def __init__(self, options: SCRFDOptions, at: Layout = HERE) -> None:
        from insightface.model_zoo.scrfd import SCRFD as Network

        path = weights_file(options.weights, at)
        # One session serves all sizes: InsightFace's class would make, and keep, one for each size.
        opened = session(path)
        try:
            self.network = Network(str(path), opened, static_shape_sessions=False)
            self.network.prepare(-1, det_thresh=options.threshold)
        except Exception as error:  # its class reads inputs and outputs without asking whether they are SCRFD's
            raise SitterError(f"{path} is no SCRFD detector ({type(error).__name__}: {error}).") from None
        if not self.network.use_kps:
            raise SitterError(f"{path} finds no landmarks: take an SCRFD whose name ends in _bnkps or _kps.")
        self.search = Search(options.scales, options.sides, options.max_side, options.padding, options.border)
        self.nothing = f"no face with a score of {options.threshold:g} or more"

    def detect(self, image: RGBImage) -> list[Detection]:
        """Return the faces in an image, best first."""
        return self.search.run(image, self.find)

    def find(self, picture: RGBImage) -> tuple[Singles, Singles, Singles]:
        """Return boxes, landmarks and scores in one picture."""
        bgr = np.ascontiguousarray(picture[..., ::-1])
        found, landmarks = self.network.detect(bgr, input_size=picture.shape[1::-1])
        return found[:, :4], landmarks, found[:, 4]
