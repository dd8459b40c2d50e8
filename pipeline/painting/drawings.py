"""Styles with a line: chalk, engraving, woodcut."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.painting.arrays import Image, blur, clip, lerp, smoothstep, tinted
from pipeline.painting.brush import drag
from pipeline.painting.palette import rgb
from pipeline.painting.scene import Scene
from pipeline.painting.surface import age, noise, paper, relief, vignette


def chalk(scene: Scene) -> Image:
    """Draw with three chalks, black, red and white, on toned paper with a visible grain."""
    rng, unit, strength = scene.rng, scene.unit, scene.strength
    shape = scene.shape
    sheet = rgb(str(rng.choice(["b9a283", "a9a08f", "95a0a0", "c3ae8c", "a98f74"])))
    tooth = paper(rng, shape, unit)
    hatch = rotated(noise(rng, _square(shape), (1.2 * unit, 30 * unit)), shape, rng.uniform(38, 55))
    # Only the head is finished: towards the edge of the sheet the drawing thins out.
    finish = smoothstep(vignette(shape, 1.0) + 0.06 * noise(rng, shape, 50 * unit, 2), 0.12, 0.62) * (
        0.12 + 0.88 * scene.figure
    )
    crisp = clip(scene.tone + 1.1 * (scene.tone - blur(scene.tone, 3 * unit)))
    dark = clip(0.78 - crisp) * 1.3
    grain = (0.13 * tooth + (0.05 + 0.06 * strength) * hatch).astype(np.float32)
    red = smoothstep(dark + grain, 0.05, 0.62) * finish
    line = scene.lines * smoothstep(scene.lines + 1.5 * grain, 0.15, 0.6)
    black = np.maximum(smoothstep(dark + grain, 0.45, 0.95), 0.9 * line) * finish
    white = smoothstep(crisp + 0.8 * grain, 0.68, 1.15) * finish * scene.figure
    drawn = np.broadcast_to(sheet, (*shape, 3)) * (1 + 0.03 * tooth)[..., None]
    drawn = lerp(drawn.astype(np.float32), rgb("8c3f27"), 0.72 * red[..., None])
    drawn = lerp(drawn, rgb("231c1a"), 0.88 * black[..., None])
    drawn = lerp(drawn, rgb("f7efe0"), 0.8 * white[..., None])
    return age(relief(clip(drawn), tooth, 0.03), rng, 0.6 * strength, unit, varnish=0.3)


def engraving(scene: Scene) -> Image:
    """Engrave lines that swell with the shadow and bend with the form, cross-hatched in the darks."""
    rng, unit, strength = scene.rng, scene.unit, scene.strength
    shape = scene.shape
    period = (3.4 + 1.0 * strength) * unit
    crisp = clip(scene.tone + 0.8 * (scene.tone - blur(scene.tone, 2.5 * unit)))
    behind = lerp(np.float32(0.62) + 0.3 * (vignette(shape, 1.0) - 0.5), crisp, 0.3)
    dark = 1 - lerp(behind, np.power(crisp, np.float32(0.85)), scene.figure)
    form = blur(scene.tone, 7 * unit)
    rows, columns = np.indices(shape, np.float32)
    tilt = rng.uniform(0.15, 0.45)
    ink = np.zeros(shape, np.float32)
    for angle, start, share in ((tilt, 0.0, 0.95), (tilt + 0.95, 0.42, 0.9), (tilt - 0.85, 0.68, 0.8)):
        bend = np.float32((9 + 5 * strength) * unit) * form
        along = rows * np.float32(np.cos(angle)) + columns * np.float32(np.sin(angle)) + bend
        along += np.float32(0.25 * unit) * noise(rng, shape, 20 * unit)
        wave = np.abs(np.mod(along / np.float32(period), 1) * 2 - 1)
        cover = clip((dark - np.float32(start)) / np.float32(1 - start)) * np.float32(share)
        line = clip((cover - wave) * np.float32(period / 2.2) + 0.5) * smoothstep(cover, 0.02, 0.12)
        ink = 1 - (1 - ink) * (1 - line)
    ink = np.maximum(ink, scene.lines * 0.9)
    tooth = paper(rng, shape, unit)
    ink = clip(ink * (0.93 + 0.05 * tooth))
    stain = tinted(noise(rng, shape, 80 * unit, 3), (0.012, 0.018, 0.028))
    sheet = rgb(str(rng.choice(["ece2c8", "e8dcc0", "efe8d6"]))) - stain
    tint = rgb(str(rng.choice(["1d1a1a", "2a1a12", "1a1f2a"])))
    printed = lerp(relief(clip(sheet), tooth, 0.015), tint, ink[..., None])
    return age(printed, rng, 0.6 * strength, unit, varnish=0.4)


def woodcut(scene: Scene) -> Image:
    """Make a chiaroscuro woodcut: a black key block cut along the form, a tone block, the lights left as paper."""
    rng, unit, strength = scene.rng, scene.unit, scene.strength
    shape = scene.shape
    grain = rng.standard_normal(shape, dtype=np.float32)
    gouge = drag(blur(grain, (1.0 + 0.35 * strength) * unit), scene.flow, 11 * unit)
    gouge = gouge / gouge.std()
    level = np.float32(0.5) + np.float32(0.5) * np.tanh(np.float32(0.85) * gouge)  # about uniform in 0…1
    crisp = clip(scene.tone + 1.2 * (scene.tone - blur(scene.tone, 3.5 * unit)))
    behind = lerp(np.float32(0.42) + 0.25 * (vignette(shape, 1.0) - 0.5), crisp, 0.2)
    seen = lerp(behind, crisp, scene.figure)
    soft = 0.10
    key = smoothstep(level * 0.75 + 0.02 - seen * 1.25, -soft, soft)
    key = np.maximum(key, smoothstep(scene.lines, 0.25, 0.7))
    lights = smoothstep(seen + 0.22 * (level - 0.5) - 0.66, -0.05, 0.05)
    tooth = paper(rng, shape, unit)
    block = rgb(str(rng.choice(["b98d4f", "9a9a6a", "7f98a0", "b87f5a", "a8a08a"])))
    second = block * 0.72
    middle = smoothstep(0.46 - seen + 0.2 * (level - 0.5), -0.05, 0.05)
    sheet = relief(np.broadcast_to(rgb("efe5cc"), (*shape, 3)).astype(np.float32), tooth, 0.02)
    tone = lerp(block, second, middle[..., None]) * (1 + 0.04 * tooth[..., None])
    printed = lerp(tone, sheet, lights[..., None])
    press = 0.90 + 0.06 * tooth + 0.05 * noise(rng, shape, 40 * unit, 2)
    printed = lerp(printed, rgb("1b1615"), clip(key * press)[..., None])
    return age(clip(printed), rng, 0.6 * strength, unit, varnish=0.3)


def _square(shape: tuple[int, int]) -> tuple[int, int]:
    side = int(np.hypot(*shape)) + 2
    return side, side


def rotated(texture: Image, shape: tuple[int, int], degrees: float) -> Image:
    """Return the middle [h, w] of a larger square texture, rotated."""
    side = texture.shape[0]
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), degrees, 1)
    turn[:, 2] += (shape[1] - side) / 2, (shape[0] - side) / 2
    return cv2.warpAffine(texture, turn, shape[::-1], borderMode=cv2.BORDER_REFLECT_101)
