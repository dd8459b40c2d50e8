"""Templates for networks that were made for pictures, not for faces: ArcFace's crop, at the side they want."""

from __future__ import annotations

import numpy as np

from pipeline.core.alignment import ARCFACE, Template


def arcface(size: int) -> Template:
    """ArcFace's template at another side, in pixels; `ARCFACE` itself at its own.

    Pixel centres stay where they are in the picture when its side changes.
    """
    if size == ARCFACE.size:
        return ARCFACE
    return Template(((ARCFACE.points + 0.5) * (size / ARCFACE.size) - 0.5).astype(np.float32), size)
