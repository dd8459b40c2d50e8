"""The scene as a painter sees it: the sitter as drawn, in the light and before the ground of a studio."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.random import Generator

from pipeline.painting.arrays import Image, blur, box, clip, guided, lerp, luminance, sample, smoothstep
from pipeline.painting.surface import noise

REFERENCE = 400  # constants of the styles are in pixels of a canvas with a long side of this many pixels
WARP = ((95.0, 7.3), (42.0, 2.9))  # (wavelength, displacement at strength 1) of the errors of drawing
STRETCH = 0.065  # deviation of the aspect ratio at strength 1


@dataclass(frozen=True)
class Scene:
    """The scene from which all styles start."""

    photo: Image
    """[h, w, 3]: the photograph, redrawn: it is warped and keeps its colours."""
    tone: Image
    """[h, w]: the photograph's luminance without fine texture, stretched, lit from one side."""
    figure: Image
    """[h, w]: 1 on the sitter, 0 on the background."""
    colourfulness: float
    """0 for a grey photograph, 1 for one in colour."""
    strength: float
    unit: float
    """One pixel of a canvas with `REFERENCE` pixels, in pixels of this canvas."""
    rng: Generator

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.tone.shape[0], self.tone.shape[1]

    @cached_property
    def flow(self) -> tuple[Image, Image]:
        """Unit vectors (down, across) [h, w] along the isophotes, as a brush follows the form."""
        height, width = self.shape
        half = (max(width // 2, 8), max(height // 2, 8))  # the field is smooth: half the resolution suffices
        soft = blur(cv2.resize(self.tone, half, interpolation=cv2.INTER_AREA), 0.75 * self.unit)
        across, down = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
        # Where the form gives no direction, the hand gives one: a slow field of its own, weak beside any edge.
        hand = np.float32(0.9) * noise(self.rng, soft.shape, 65 * self.unit) + np.float32(self.rng.uniform(0, np.pi))
        weak, spread = np.float32(1e-3), 2.2 * self.unit
        xx = blur(across * across, spread) + weak * np.square(np.cos(hand))
        yy = blur(down * down, spread) + weak * np.square(np.sin(hand))
        xy = blur(across * down, spread) + weak * np.cos(hand) * np.sin(hand)
        angle = np.float32(0.5) * np.arctan2(2 * xy, xx - yy) + np.float32(np.pi / 2)
        down, across = (
            cv2.resize(f(angle), (width, height), interpolation=cv2.INTER_NEAREST) for f in (np.sin, np.cos)
        )
        return down, across

    @cached_property
    def lines(self) -> Image:
        """Contours [h, w], 0…1, where a draughtsman would set a line (difference of Gaussians, XDoG)."""
        fine, wide = blur(self.tone, 1.1 * self.unit), blur(self.tone, 2.8 * self.unit)
        return smoothstep(wide - fine, 0.008, 0.06)


def look(photo: Image, strength: float, unit: float, rng: Generator) -> Scene:
    """Return the scene of a photograph [h, w, 3]: redrawn, simplified and lit as a painter would at this strength."""
    drawn = redraw(photo, strength, unit, rng)
    grey = luminance(drawn)
    low, high = (np.float32(v) for v in np.percentile(grey[::3, ::3], (1, 99)))
    tone = lerp(grey, clip((grey - low) / max(high - low, np.float32(0.05))), 0.85 * min(1, 2 * strength))
    simple = guided(tone, tone, (1 + 6 * strength) * unit, 0.012 * strength)
    tone = lerp(tone, simple, 0.25 + 0.75 * strength)
    figure = sitter(drawn, grey, unit)
    tone = chiaroscuro(tone, strength, rng)
    spread = float(np.ptp(drawn[::4, ::4], axis=2).mean())
    return Scene(drawn, clip(tone), figure, min(1.0, spread / 0.12), strength, unit, rng)


def redraw(photo: Image, strength: float, unit: float, rng: Generator) -> Image:
    """Add errors of drawing: a stretch, a shear and a smooth random warp, which all grow with the strength."""
    height, width = photo.shape[:2]
    rows, columns = np.indices((height, width), np.float32)
    # Random values are limited, here and below: a portrait may lose its likeness, but must remain a face.
    stretch, shear = np.clip(rng.normal(0, 1, 2), -1.4, 1.4) * STRETCH * strength
    y, x = rows - height / 2, columns - width / 2
    down = np.float32(stretch) * y
    across = np.float32(-stretch) * x + np.float32(shear) * y
    for wavelength, displacement in WARP:
        amount = np.float32(displacement * strength * unit)
        down += amount * np.clip(noise(rng, (height, width), wavelength * unit), -2, 2)
        across += amount * np.clip(noise(rng, (height, width), wavelength * unit), -2, 2)
    return sample(photo, rows + down, columns + across)


def sitter(photo: Image, grey: Image, unit: float) -> Image:
    """Return where the sitter is, [h, w], 0…1: the parts in the middle or at the foot unlike the upper border.

    No detector is used, so that a face that none would find can be painted, too; edges come from the photograph.
    """
    whole = grey.shape[::-1]
    height, width = max(grey.shape[0] // 2, 8), max(grey.shape[1] // 2, 8)
    unit = unit / 2
    soft, grey = (cv2.resize(i, (width, height), interpolation=cv2.INTER_AREA) for i in (photo, grey))
    soft = blur(soft, 2 * unit)
    top, side, half = max(height // 12, 1), max(width // 16, 1), height // 2 + 1
    edges = (soft[:top], soft[:half, :side], soft[:half, -side:])
    border = np.concatenate([edge.reshape(-1, 3) for edge in edges])
    behind = np.median(border[::3], axis=0).astype(np.float32)
    scatter = np.median(np.abs(border[::3] - behind)).astype(np.float32)
    unlike = cv2.split(np.abs(soft - behind))
    differs = smoothstep(
        np.maximum(np.maximum(unlike[0], unlike[1]), unlike[2]) / (np.float32(0.09) + 2 * scatter), 0.35, 1.1
    )
    # A head has no holes: whatever lies between two of its pixels in a row belongs to it, even a shadow like the wall.
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
    mask = clip(guided(blur(mask, 2 * unit), grey, 6 * unit, 1e-3))
    return cv2.resize(mask, whole, interpolation=cv2.INTER_LINEAR)


def chiaroscuro(tone: Image, strength: float, rng: Generator) -> Image:
    """Light the tone from one side, above: the far side falls into shadow, the contrast rises in the middle."""
    height, width = tone.shape
    side = rng.choice([-1.0, 1.0]) * rng.uniform(0.35, 1.0)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    away = smoothstep(np.float32(side) * x + np.float32(0.5) * y, -0.5, 1.3)
    depth = np.float32(strength * rng.uniform(0.35, 0.8))
    curved = tone * tone * (3 - 2 * tone)
    return lerp(tone, curved, 0.35 * strength) * (1 - depth * away)
