"""Section `align`: how faces are found and cropped, with an entry for each data set."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.core.own_files import OwnPath
from pipeline.core.registry import Strict
from pipeline.params.detectors import Detector
from pipeline.params.weights import HasWeights


class Align(Strict):
    """How to find the faces of one data set."""

    detectors: Annotated[tuple[Detector, ...], Field(min_length=1)]
    """Detectors, tried in this order until one finds a face."""
    choose: Literal["largest", "central", "score", "middle"] = "largest"
    """Which of several faces is the sitter's: the largest or the most central of the faces with about the best score,
    the one with the best score, or (middle) the one nearest to the middle of the image, whatever its score."""
    max_megapixels: Annotated[float, Field(gt=0)] = 200
    """Larger images are refused before they are decoded, since they exhaust memory."""
    doubtful: Annotated[float, Field(ge=0, le=1)] = 0.6
    """Faces with a lower score are shown for checking on doubtful.html beside faces.csv."""
    corrections: OwnPath | None = None
    """A CSV of your own that overrules the detectors: image_id, and one of box, landmarks, drop."""

    @property
    def weights(self) -> dict[int, str]:
        """Return the entries under `download` with weights, by the number of the detector that uses them."""
        read = {i: detector.weights for i, detector in enumerate(self.detectors) if isinstance(detector, HasWeights)}
        return {i: weights for i, weights in read.items() if weights is not None}
