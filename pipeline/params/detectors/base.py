"""Options shared by the detectors that are networks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.params.weights import HasWeights


class NetworkDetector(HasWeights):
    """Options of a network that searches an image at several sizes (`pipeline.faces.detection.Search`)."""

    weights: str
    """The entry under `download` with the detector's network."""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Detections with a lower score are dropped."""
    scales: tuple[Annotated[float, Field(gt=0, le=16)], ...] = ()
    """Enlargements of the image, tried in turn until there is a face."""
    sides: tuple[Annotated[int, Field(ge=32, le=8192)], ...] = (640, 320, 1280)
    """Long sides in pixels, tried in turn after `scales`."""
    max_side: Annotated[int, Field(ge=64)] = 1600
    """Largest long side at which an image is searched."""
    border: Annotated[int, Field(ge=0, le=4096)] = 0
    """Width in pixels of a grey frame (128, 128, 128) that is laid round every image, in its own size, before the
    search: it helps with faces that are cut off by the edge."""
    padding: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Width of the ground that is laid round an image when all sizes fail, as a share of its size."""
