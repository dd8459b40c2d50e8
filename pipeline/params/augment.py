"""Options of data augmentation: random changes to training faces before the network sees them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.core.registry import Strict

Probability = Annotated[float, Field(ge=0, le=1)]


class Augmentation(Strict):
    """Differences between pictures of portraits, each with the probability that a training image gets it."""

    colour: Probability = 0.5
    """Change brightness, contrast, saturation (by up to 40 %) and hue (up to 18°), as varnish and reproduction do."""
    blur: Probability = 0.3
    """Either blur (Gaussian, σ from 0.3 to 2 pixels) or reduce to a quarter to three quarters of the resolution."""
    jpeg: Probability = 0.3
    """Compress as JPEG, with a quality from 20 to 80."""
    affine: Probability = 0.5
    """Rotate by up to 10°, move by up to 5 % of the side, and scale by up to 10 %, as inexact landmarks do."""
    occlusion: Probability = 0.2
    """Cover 2 to 20 % of the area with a grey rectangle, as hats, veils and damage do."""
