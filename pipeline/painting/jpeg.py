"""Writes paintings; the same pixels always give the same bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

QUALITY = 92


def write_jpeg(path: Path, image: NDArray[np.uint8]) -> str:
    """Write an RGB image uint8 [h, w, 3]; return the SHA-256 of the file."""
    encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded)
    return hashlib.sha256(encoded).hexdigest()
