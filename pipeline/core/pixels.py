"""The type of an image in memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RGBImage = NDArray[np.uint8]
"""uint8 [height, width, 3], RGB."""
