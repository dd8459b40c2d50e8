"""What the painter sees, or chooses to: the sitter as drawn, in the light and before the ground of a studio."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.random import Generator

from pipeline.faces.painterly.arrays import Image, blur, box, clip, guided, lerp, luminance, sample, smoothstep
from pipeline.faces.painterly.surface import noise

REFERENCE = 400  # constants of the styles are in pixels of a canvas whose long side has this many
WARP = ((90.0, 5.9), (40.0, 2.9))  # (wavelength, displacement at strength 1) of the errors of drawing
STRETCH = 0.07  # deviation of the aspect ratio at strength 1


@dataclass(frozen=True)
class Scene:
    """What all styles start from."""

    photo: Image
    """[h, w, 3]: the photograph, redrawn: warped, its colours kept."""
    tone: Image
    """[h, w]: its luminance, without fine texture, stretched, lit from one side."""
    figure: Image
    """[h, w]: 1 on the sitter, 0 on the background."""
    colourfulness: float
    """0 for a grey photograph, 1 for one in colour."""
    strength: float
    unit: float
    """One pixel of a canvas of `REFERENCE`, in pixels."""
    rng: Generator

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.tone.shape[0], self.tone.shape[1]

    @cached_property
    def flow(self) -> tuple[Image, Image]:
        """Unit vectors (down, across) [h, w] along the isophotes: the way a brush follows the form."""
        soft = blur(self.tone, 1.5 * self.unit)
        across, down = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
        # Where the form gives no direction the hand does: a slow field of its own, weak beside any edge.
        hand = np.float32(0.9) * noise(self.rng, self.shape, 130 * self.unit) + np.float32(self.rng.uniform(0, np.pi))
        weak = np.float32(2e-4)
        spread = 4.0 * self.unit
        xx = blur(across * across, spread) + weak * np.square(np.cos(hand))
        yy = blur(down * down, spread) + weak * np.square(np.sin(hand))
        xy = blur(across * down, spread) + weak * np.cos(hand) * np.sin(hand)
        angle = np.float32(0.5) * np.arctan2(2 * xy, xx - yy) + np.float32(np.pi / 2)
        return np.sin(angle), np.cos(angle)

    @cached_property
    def lines(self) -> Image:
        """Contours [h, w], 0…1, where a draughtsman would set a line (difference of Gaussians, XDoG)."""
        fine, wide = blur(self.tone, 1.1 * self.unit), blur(self.tone, 2.8 * self.unit)
        return smoothstep(wide - fine, 0.008, 0.06)


def look(photo: Image, strength: float, unit: float, rng: Generator) -> Scene:
    """The scene of a photograph [h, w, 3]: redrawn, simplified and lit as a painter would at this strength."""
    drawn = redraw(photo, strength, unit, rng)
    grey = luminance(drawn)
    low, high = (np.float32(v) for v in np.percentile(grey[::3, ::3], (1, 99)))
    tone = lerp(grey, clip((grey - low) / max(high - low, np.float32(0.05))), 0.85 * min(1, 2 * strength))
    simple = guided(tone, tone, (1 + 6 * strength) * unit, 0.012 * strength)
    tone = lerp(tone, simple, 0.25 + 0.75 * strength)
    figure = sitter(drawn, grey, unit)
    tone = chiaroscuro(tone, strength, rng)
    spread = float((drawn.max(axis=2) - drawn.min(axis=2)).mean())
    return Scene(drawn, clip(tone), figure, min(1.0, spread / 0.12), strength, unit, rng)


def redraw(photo: Image, strength: float, unit: float, rng: Generator) -> Image:
    """The errors of drawing: a stretch, a shear and a smooth random warp, all growing with the strength."""
    height, width = photo.shape[:2]
    rows, columns = np.indices((height, width), np.float32)
    stretch, shear = rng.normal(0, STRETCH * strength, 2)
    y, x = rows - height / 2, columns - width / 2
    down = np.float32(stretch) * y
    across = np.float32(-stretch) * x + np.float32(shear) * y
    for wavelength, displacement in WARP:
        amount = np.float32(displacement * strength * unit)
        down += amount * noise(rng, (height, width), wavelength * unit)
        across += amount * noise(rng, (height, width), wavelength * unit)
    return sample(photo, rows + down, columns + across)


def sitter(photo: Image, grey: Image, unit: float) -> Image:
    """Where the sitter is [h, w], 0…1: what differs from the upper border, in the middle or at the foot.

    No detector is asked, so that a face that none would find can be painted, too; the edges come from the photograph.
    """
    height, width = grey.shape
    soft = blur(photo, 2 * unit)
    top, side = max(height // 12, 1), max(width // 16, 1)
    half = height // 2 + 1
    border = np.concatenate(
        [soft[:top].reshape(-1, 3), soft[:half, :side].reshape(-1, 3), soft[:half, -side:].reshape(-1, 3)]
    )
    behind = np.median(border[::7], axis=0).astype(np.float32)
    scatter = np.median(np.abs(border[::7] - behind)).astype(np.float32)
    differs = smoothstep(np.abs(soft - behind).max(axis=2) / (np.float32(0.09) + 2 * scatter), 0.35, 1.1)
    # A head has no holes: what lies between two of its pixels in a row belongs to it, a shadow as dark as the wall too.
    differs = box(differs, 3 * unit)
    filled = np.minimum(
        np.maximum.accumulate(differs, axis=1), np.maximum.accumulate(differs[:, ::-1], axis=1)[:, ::-1]
    )
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    head = 1 - np.sqrt(np.square(x / 0.72) + np.square((y + 0.02) / 0.86))
    shoulders = np.minimum((y - 0.55) * 2, 1 - np.abs(x) * 0.9)
    place = np.maximum(head, shoulders)
    certain, possible = smoothstep(place, 0.12, 0.45), smoothstep(place, -0.35, 0.1)
    mask = np.maximum(certain, possible * filled)
    return clip(guided(blur(mask, 2 * unit), grey, 6 * unit, 1e-3))


def chiaroscuro(tone: Image, strength: float, rng: Generator) -> Image:
    """Light from one side, above: the far side falls into shadow, the contrast rises in the middle."""
    height, width = tone.shape
    side = rng.choice([-1.0, 1.0]) * rng.uniform(0.35, 1.0)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    away = smoothstep(np.float32(side) * x + np.float32(0.5) * y, -0.5, 1.3)
    depth = np.float32(strength * rng.uniform(0.35, 0.8))
    curved = tone * tone * (3 - 2 * tone)
    return lerp(tone, curved, 0.35 * strength) * (1 - depth * away)
