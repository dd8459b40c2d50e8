"""SCRFD, through InsightFace's own class (Guo et al., "Sample and Computation Redistribution", ICLR 2022)."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.core.errors import SitterError
from pipeline.faces.detection import Detection, Floats, Search
from pipeline.faces.image import RGBImage
from pipeline.faces.session import session
from pipeline.store.weights import weights_file


class SCRFD:
    """SCRFD with landmarks, any size, as InsightFace's model zoo ships it."""

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
        from insightface.model_zoo.scrfd import SCRFD as Network

        path = weights_file(weights)
        # One session for all sizes: the class would make, and keep, one for each size that it meets.
        opened = session(path)
        try:
            self.network = Network(str(path), opened, static_shape_sessions=False)
            self.network.prepare(-1, det_thresh=threshold)
        except Exception as error:  # its class reads inputs and outputs without asking whether they are SCRFD's
            raise SitterError(f"{path} is no SCRFD detector ({type(error).__name__}: {error}).") from None
        if not self.network.use_kps:
            raise SitterError(f"{path} finds no landmarks: take an SCRFD whose name ends in _bnkps or _kps.")
        self.search = Search(scales, sides, max_side, padding)
        self.nothing = f"no face with a score of {threshold:g} or more"

    def detect(self, image: RGBImage) -> list[Detection]:
        """Faces in an image, best first."""
        return self.search.run(image, self.find)

    def find(self, picture: RGBImage) -> tuple[Floats, Floats, Floats]:
        """Boxes, landmarks and scores in one picture."""
        bgr = np.ascontiguousarray(picture[..., ::-1])
        found, landmarks = self.network.detect(bgr, input_size=picture.shape[1::-1])
        return found[:, :4], landmarks, found[:, 4]
