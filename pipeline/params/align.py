"""Section `align`: how faces are found and cropped, a data set an entry."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.core.own_files import OwnPath
from pipeline.core.registry import Strict
from pipeline.params.detectors import Detector
from pipeline.params.weights import HasWeights


class Align(Strict):
    """How the faces of one data set are found."""

    detectors: Annotated[tuple[Detector, ...], Field(min_length=1)]
    """Tried in this order until one finds a face."""
    choose: Literal["largest", "central", "score", "middle"] = "largest"
    """Which face is the sitter's where there are several that are about as sure. middle: the one nearest to the middle
    of the image, however sure it is."""
    max_megapixels: Annotated[float, Field(gt=0)] = 200
    """Larger images are refused unread: they exhaust memory."""
    doubtful: Annotated[float, Field(ge=0, le=1)] = 0.6
    """Faces with a lower score come before a human, on doubtful.html beside faces.csv."""
    corrections: OwnPath | None = None
    """A CSV of your own that overrules the detectors: image_id, and one of box, landmarks, drop."""

    @property
    def weights(self) -> dict[int, str]:
        """Entries under `download` that hold weights, by the number of the detector that they are for."""
        read = {i: detector.weights for i, detector in enumerate(self.detectors) if isinstance(detector, HasWeights)}
        return {i: weights for i, weights in read.items() if weights is not None}
