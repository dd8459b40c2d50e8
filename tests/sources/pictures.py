"""Small images to fill folders, archives and web sites with."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def picture(number: int, form: str = "JPEG", size: int = 24) -> bytes:
    """An encoded image; each number gives another."""
    noise = np.random.default_rng(number).integers(0, 256, (size, size, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, form)
    return file.getvalue()
