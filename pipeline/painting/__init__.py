"""Turns photographs into painted portraits: eight styles, a strength, a seed.

    from pipeline.painting import paint
    portrait = paint(photograph, "oil", strength=0.75, seed=1)

`scene` draws the sitter as a painter might (errors of drawing, lost texture, light from one side, another ground),
`palette` finds colours where the photograph has none, `paints` and `drawings` hold the styles, `brush` and
`surface` their techniques.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.painting.arrays import REFLECT, Image, blur, lerp, rgb_of, smoothstep
from pipeline.painting.drawings import chalk, engraving, woodcut
from pipeline.painting.paints import fresco, impasto, miniature, oil, watercolour
from pipeline.painting.scene import REFERENCE, Scene, look

STYLES: dict[str, Callable[[Scene], Image]] = {
    "oil": oil,
    "impasto": impasto,
    "fresco": fresco,
    "miniature": miniature,
    "watercolour": watercolour,
    "chalk": chalk,
    "engraving": engraving,
    "woodcut": woodcut,
}
SMALLEST, LARGEST = 240, 1024  # long side, in pixels, of the canvas to paint on
DEPTH = 0.4  # styles scale with the strength to this exponent, so that difficulty grows evenly
FACE, MARGIN = 0.8, 0.12  # values for a mounted photograph that shows little more than a face
FULL = 0.4  # strength from which nothing of the photograph shines through


def paint(
    image: NDArray[np.uint8], style: str, strength: float, seed: int, *, face: float = FACE, margin: float = MARGIN
) -> NDArray[np.uint8]:
    """Paint a photograph.

    Args:
        image: uint8 RGB [h, w, 3], of any size; a grey image has three equal channels.
        style: one of `STYLES`.
        strength: 0 returns the photograph, 1 goes as far as the style does.
        seed: the same seed gives the same painting, another seed gives another painter's hand.
        face: height of the face as a share of the photograph's.
        margin: the margin that `mount` added around the photograph; 0 if it was not used.

    Returns:
        uint8 RGB [h, w, 3].

    Raises:
        ValueError: the image, the style or the strength is not allowed.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError(f"an RGB image uint8 [h, w, 3] is needed, got {image.dtype} {list(image.shape)}")
    if style not in STYLES:
        raise ValueError(f"no style {style!r}; styles are {', '.join(STYLES)}")
    if not 0 <= strength <= 1:
        raise ValueError(f"the strength is {strength}, but must lie in 0…1")
    if strength == 0:
        return image.copy()
    height, width = image.shape[:2]
    unit = unit_of(face, margin)
    photo = _resized(image, *_canvas_size(height, width, unit)).astype(np.float32) / 255
    depth = float(strength) ** DEPTH
    painted = STYLES[style](look(photo, depth, unit * max(photo.shape[:2]), np.random.default_rng(seed)))
    painted = lerp(photo, painted, min(1.0, strength / FULL))
    pixels = (np.clip(painted, 0, 1) * 255 + 0.5).astype(np.uint8)
    return _resized(pixels, height, width)


def unit_of(face: float, margin: float) -> float:
    """Return a pixel of the canvas that the styles' constants refer to, as a share of a canvas's long side."""
    return face / (1 + 2 * margin) * (1 + 2 * MARGIN) / FACE / REFERENCE


def mount(image: NDArray[np.uint8], margin: float = MARGIN, face: float = FACE) -> NDArray[np.uint8]:
    """Put a photograph on a canvas of a fit size, with a margin that dissolves into the background.

    Args:
        image: uint8 RGB [h, w, 3].
        margin: width of the margin as a share of the image's long side.
        face: height of the face as a share of the image's height; the canvas becomes large enough for the brushes.
    """
    height, width = image.shape[:2]
    smallest = min(1 / unit_of(face, margin), LARGEST)
    long_side = max(height, width) * (1 + 2 * margin)
    scale = min(max(long_side, smallest), max(LARGEST, smallest)) / long_side
    large = _resized(image, max(round(height * scale), 8), max(round(width * scale), 8))
    border = round(margin * max(large.shape[:2]))
    if not border:
        return large
    canvas = cv2.copyMakeBorder(large.astype(np.float32), border, border, border, border, cv2.BORDER_CONSTANT, value=0)
    known = np.zeros(canvas.shape[:2], np.float32)
    known[border:-border, border:-border] = 1
    feather = blur(known, 0.25 * border) * known
    known = lerp(known, smoothstep(feather, 0.5, 1), np.float32(0.9))
    # Beside and above the head the margin takes on the wall's colour (from the upper corners), not the hair's.
    down, across = max(large.shape[0] // 8, 1), max(large.shape[1] // 10, 1)
    corners = np.concatenate([large[:down, :across].reshape(-1, 3), large[:down, -across:].reshape(-1, 3)])
    unlike = np.abs(canvas - np.median(corners, axis=0).astype(np.float32)).max(axis=2)
    wall = np.maximum(np.exp(-np.square(unlike / np.float32(20))), np.float32(0.01))
    foot = smoothstep(np.linspace(0, 1, canvas.shape[0], dtype=np.float32)[:, None], 0.65, 0.85)
    filled = lerp(diffused(canvas, known * lerp(wall, np.float32(1), foot)), canvas, known[..., None])
    return np.clip(filled + 0.5, 0, 255).astype(np.uint8)


def diffused(image: Image, known: Image) -> Image:
    """Fill the unknown parts of an image [h, w, 3] with colours around them, softer with distance (push-pull)."""
    weighted = cv2.merge([image * rgb_of(known), known])
    levels = [weighted]
    while min(levels[-1].shape[:2]) > 2:
        levels.append(cv2.pyrDown(levels[-1], borderType=REFLECT))
    result = levels[-1]
    for level in reversed(levels[:-1]):
        up = cv2.resize(result, level.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        up = up / np.maximum(up[..., 3:], np.float32(1e-6))
        result = level + up * (1 - np.minimum(level[..., 3:], 1))
    return np.ascontiguousarray(result[..., :3] / np.maximum(result[..., 3:], np.float32(1e-6)))


def _canvas_size(height: int, width: int, unit: float) -> tuple[int, int]:
    """Return the size to paint at: brushes have no room on tiny images, and do not need every pixel of huge ones."""
    long_side = max(height, width)
    scale = min(max(long_side, SMALLEST / (unit * REFERENCE)), LARGEST) / long_side
    return max(round(height * scale), 16), max(round(width * scale), 16)


def _resized(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    if image.shape[:2] == (height, width):
        return image
    how = cv2.INTER_AREA if height < image.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (width, height), interpolation=how), np.uint8)
