"""Colour from luminance: photographs may be grey, paintings are not.

A ramp is what a painter mixes for one thing in light and shadow: RGB stops from dark to light, evenly spaced.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.random import Generator

from pipeline.painting.arrays import Image, blur, clip, lerp, luminance, rgb_of, smoothstep, tinted
from pipeline.painting.scene import Scene
from pipeline.painting.surface import noise

Ramp = Sequence[str]

FLESH: Sequence[Ramp] = (
    ("120a08", "4a2414", "9a5d38", "d9a577", "fbe9cb"),  # warm, as over an umber ground
    ("160b0b", "54241b", "a85b43", "dfa488", "fceadb"),  # ruddy
    ("0f0d08", "3f2f18", "8d6d43", "cfae7c", "f6ecc9"),  # olive
    ("17110f", "4f382c", "9b7c66", "d8bea3", "fbf4e4"),  # pale, as over terra verde
)
GROUNDS: Sequence[Ramp] = (
    ("080605", "1d140d", "3a2a1b", "5f4a31", "8f7650"),  # umber
    ("060807", "141b15", "283326", "46523c", "747c5c"),  # bottle green
    ("07080b", "161b22", "2b343d", "4b565c", "7b8483"),  # slate
    ("0b0505", "271110", "47211b", "6d3c2d", "9a6b50"),  # oxblood
)
DRAPERIES: Sequence[Ramp] = (
    ("060505", "141213", "2b2728", "55504d", "a59d92"),  # black
    ("120304", "3f0a0c", "7c1a17", "b04a35", "e3a78a"),  # madder
    ("05070f", "101d3c", "24417a", "5f80ab", "bccbd6"),  # azurite
    ("050a06", "14291a", "2e5132", "678058", "bac49c"),  # verdigris
    ("0f0904", "3a240c", "7a5418", "b98f3a", "ead9a0"),  # ochre
)


def pick(ramps: Sequence[Ramp], rng: Generator) -> Ramp:
    """Return one of the ramps."""
    return ramps[int(rng.integers(len(ramps)))]


def rgb(colour: str) -> Image:
    """Return a colour such as `"d9a577"` as float32 RGB."""
    return np.array([int(colour[i : i + 2], 16) for i in (0, 2, 4)], np.float32) / 255


def mix(ramp: Ramp, tone: Image) -> Image:
    """Return the ramp's colour [h, w, 3] for each tone [h, w]."""
    stops = np.stack([rgb(c) for c in ramp])
    at = np.linspace(0, len(ramp) - 1, 256, dtype=np.float32)
    low = np.minimum(at.astype(np.int32), len(ramp) - 2)
    table = lerp(stops[low], stops[low + 1], (at - low.astype(np.float32))[:, None])
    level = (clip(tone) * np.float32(255)).astype(np.uint8)
    return cv2.LUT(cv2.merge([level] * 3), table[None])


def studio_ground(scene: Scene, level: float) -> Image:
    """Return the tone [h, w] of a plain wall behind the sitter: brighter beside the shadow, clouded by the brush."""
    beside = blur(scene.tone * scene.figure, 40 * scene.unit)
    wall = level + 0.14 * (beside.mean() - beside) / (beside.std() + np.float32(1e-4)) * 0.6
    cloud = np.float32(0.035) * noise(scene.rng, scene.shape, 70 * scene.unit, 3)
    return clip(wall.astype(np.float32) + cloud)


def coloured(scene: Scene, tone: Image, *, level: float, ground: Ramp | None = None, keep: float = 0.55) -> Image:
    """Return the scene in paint [h, w, 3]: flesh, drapery at the foot, a ground of tone `level` behind.

    The share `keep` of the photograph's own colours survives; a grey photograph has none.
    """
    rng, unit = scene.rng, scene.unit
    flesh = mix(pick(FLESH, rng), tone)
    dress = mix(pick(DRAPERIES, rng), clip(tone * 0.85))
    wall = studio_ground(scene, level)
    behind = mix(ground or pick(GROUNDS, rng), lerp(wall, 0.5 * wall + 0.5 * tone, 0.3))
    y = np.linspace(0, 1, scene.shape[0], dtype=np.float32)[:, None]
    foot = smoothstep(y + 0.012 * noise(rng, scene.shape, 40 * unit) - 0.10 * tone, 0.86, 0.93)[..., None]
    figure = lerp(flesh, dress, foot)
    # Broken colour: warm and cool touches that no ramp has.
    touch = np.clip(noise(rng, scene.shape, 26 * unit, 2), -1.6, 1.6) * tone * (0.3 + 0.7 * scene.figure)
    paint = lerp(behind, figure, scene.figure[..., None]) + tinted(touch, (0.024, 0.0, -0.024))
    if scene.colourfulness > 0.05:
        own = blur(scene.photo, 1.2 * unit)
        own = own - rgb_of(luminance(own))
        natural = rgb_of(luminance(clip(paint))) + 0.95 * own
        share = keep * scene.colourfulness * (0.35 + 0.65 * scene.figure)
        paint = lerp(paint, natural, share[..., None])
    return clip(paint)


def saturate(image: Image, factor: float) -> Image:
    """Move colours towards grey (factor below 1) or away from it."""
    return clip(lerp(rgb_of(luminance(image)), image, factor))
