"""What the detectors that are networks share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.params.weights import HasWeights


class NetworkDetector(HasWeights):
    """Options of a network that is shown an image in several sizes (`pipeline.faces.detection.Search`)."""

    weights: str
    """The entry under `download` with the detector's network."""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Lower scores are no faces."""
    scales: tuple[Annotated[float, Field(gt=0, le=16)], ...] = ()
    """Enlargements of the image, tried in turn until there is a face."""
    sides: tuple[Annotated[int, Field(ge=32, le=8192)], ...] = (640, 320, 1280)
    """Then long sides in pixels that it is brought to."""
    max_side: Annotated[int, Field(ge=64)] = 1600
    """No size beyond this long side."""
    border: Annotated[int, Field(ge=0, le=4096)] = 0
    """Pixels of grey (128, 128, 128) laid round every image before it is looked at, in its own size: for faces that are
    cut off by the edge, in every image alike."""
    padding: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Ground laid round it, as a share of it, when all sizes fail."""
