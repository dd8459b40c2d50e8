"""Options of data augmentation: how training faces are changed before the network sees them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.core.registry import Strict

Probability = Annotated[float, Field(ge=0, le=1)]


class Augmentation(Strict):
    """What pictures of portraits differ in, each with the probability with which an image is changed so."""

    colour: Probability = 0.5
    """Other brightness, contrast and saturation (by up to 40 %) and hue (by up to 18°): varnish, reproductions."""
    blur: Probability = 0.3
    """Either blurred (Gaussian, σ from 0.3 to 2 pixels) or of a quarter to three quarters of the resolution."""
    jpeg: Probability = 0.3
    """Compressed as JPEG, quality from 20 to 80."""
    affine: Probability = 0.5
    """Turned by up to 10°, moved by up to 5 % of the side, enlarged or reduced by up to 10 %: unsure landmarks."""
    occlusion: Probability = 0.2
    """A grey rectangle over 2 to 20 % of the area: hats, veils, damage."""
