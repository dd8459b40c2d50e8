"""Templates for networks that were made for pictures in general: ArcFace's crop, scaled to the side that they need."""

from __future__ import annotations

import numpy as np

from pipeline.core.alignment import ARCFACE, Template


def arcface(size: int) -> Template:
    """Return ArcFace's template scaled to another side, in pixels; for its own side, `ARCFACE` itself.

    The scaling keeps the places of pixel centres in the picture.
    """
    if size == ARCFACE.size:
        return ARCFACE
    return Template(((ARCFACE.points + 0.5) * (size / ARCFACE.size) - 0.5).astype(np.float32), size)
