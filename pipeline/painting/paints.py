"""Styles with a brush: oil, impasto, fresco, miniature, watercolour."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.painting.arrays import Image, blur, clip, first_three, guided, lerp, rgb_of, smoothstep, tinted
from pipeline.painting.brush import bristles, drag, kuwahara, strokes
from pipeline.painting.palette import coloured, mix, rgb, saturate
from pipeline.painting.scene import Scene
from pipeline.painting.surface import age, cracks, noise, paper, relief, standardised, vignette, weave


def oil(scene: Scene) -> Image:
    """Paint like an old master: smooth glazes out of a dark ground, canvas, craquelure, yellowed varnish."""
    rng, unit, strength = scene.rng, scene.unit, scene.strength
    paint = coloured(scene, scene.tone, level=0.30)
    paint = kuwahara(paint, (2.5 + 5.0 * strength) * unit)
    # One stroke drags the paint and leaves the marks of the hairs.
    grain = blur(rng.standard_normal(scene.shape, dtype=np.float32), 0.6 * unit)
    dragged = drag(cv2.merge([paint, grain]), scene.flow, (2 + 4 * strength) * unit, 4)
    paint, hairs = first_three(dragged), standardised(cv2.extractChannel(dragged, 3))
    height = 0.5 * hairs + 0.8 * weave(rng, scene.shape, 2.6 * unit)
    paint = relief(paint, height, 0.035 + 0.02 * strength, 0.3)
    paint = paint * rgb_of(1 - 0.17 * strength * cracks(rng, scene.shape, rng.uniform(9, 15) * unit))
    return age(paint * rgb_of(vignette(scene.shape, 0.4 * strength)), rng, strength, unit, varnish=1.2)


def impasto(scene: Scene) -> Image:
    """Paint thick strokes along the form, lit from the side, in broken colour."""
    rng, unit, strength = scene.rng, scene.unit, scene.strength
    paint = saturate(coloured(scene, clip(scene.tone * 0.96 + 0.03), level=0.38, keep=0.7), 1.25)
    detail = clip(0.18 + 5 * blur(np.abs(scene.tone - blur(scene.tone, 5 * unit)), 3 * unit)) * scene.figure
    coarse = (5.5 + 4.5 * strength) * unit
    sizes = (2.2 * coarse, coarse, 0.55 * coarse, 0.34 * coarse)
    paint, load = strokes(rng, paint, scene.flow, sizes, clip(detail), 0.03 + 0.04 * strength)
    height = blur(load, 0.6 * unit) * 5 + bristles(rng, scene.flow, 1.3 * unit, 9 * unit) * 0.4
    paint = relief(paint, height, 0.045 + 0.035 * strength, 0.2)
    return age(paint, rng, 0.8 * strength, unit, varnish=0.4)


def fresco(scene: Scene) -> Image:
    """Paint matt earths on plaster: firm contours in brown, chalky light, abrasion, losses and long cracks."""
    rng, unit, strength = scene.rng, scene.unit, scene.strength
    shape = scene.shape
    tone = clip(0.20 + 0.72 * scene.tone)
    ground = (
        ("3d4a4b", "5c6d6c", "82918b", "a9b2a6", "ccd0c0")
        if rng.random() < 0.6
        else ("4a2f22", "75492f", "a06e48", "c19a72", "dcc7a5")
    )
    paint = saturate(coloured(scene, tone, level=0.52, ground=ground, keep=0.45), 0.85)
    paint = kuwahara(paint, (3 + 4 * strength) * unit)
    contour = scene.lines[..., None]
    paint = lerp(paint, rgb("4b2a1a"), contour * (0.35 + 0.3 * strength))
    # Hatching in the wet plaster, as Italian painters modelled.
    hatch = bristles(rng, scene.flow, 1.6 * unit, 12 * unit)
    paint = paint * rgb_of(1 + 0.05 * hatch * (0.3 + 0.7 * scene.figure))
    plaster = noise(rng, shape, 2.2 * unit, 2) * 0.6 + noise(rng, shape, 45 * unit, 3) * 0.8
    bare = mix(("8d7f6d", "b5a78f", "d8cbb2", "ebe2cd"), 0.62 + 0.13 * plaster)
    worn = smoothstep(noise(rng, shape, 1.6 * unit) + 0.9 * noise(rng, shape, 35 * unit, 3), 1.5, 2.6)
    edge = 1.2 - 1.5 * vignette(shape, 1.0)
    chips = smoothstep(noise(rng, shape, 42 * unit, 4) + 2.2 * edge, 2.15, 2.2)
    paint = lerp(paint, bare, np.maximum(0.75 * strength * worn, chips * min(1.0, 1.4 * strength))[..., None])
    height = plaster * 0.8 - 2.2 * blur(chips, 0.7 * unit)
    paint = relief(paint, height, 0.07)
    paint = paint * rgb_of(1 - 0.45 * strength * cracks(rng, shape, 85 * unit, 0.18))
    return age(lerp(paint, rgb("e6dac2"), 0.10 + 0.10 * strength), rng, strength, unit, varnish=0.15)


def miniature(scene: Scene) -> Image:
    """Paint a miniature on vellum: an oval on blue or crimson, clear light, the face stippled in small touches."""
    rng, unit, strength = scene.rng, scene.unit, scene.strength
    shape = scene.shape
    tone = clip(np.power(clip(scene.tone), np.float32(0.8)) * 0.95 + 0.06)
    blue = ("101b4a", "1c3277", "2f55a3", "5b82c0", "9db8da")
    crimson = ("2c0508", "560c14", "831b22", "ab4440", "d38f80")
    paint = coloured(scene, tone, level=0.40, ground=blue if rng.random() < 0.7 else crimson, keep=0.6)
    paint = saturate(kuwahara(paint, (2.2 + 3.2 * strength) * unit), 1.12)
    touches = tinted(noise(rng, shape, 2.1 * unit), (0.030, 0.036, 0.040))
    touches += tinted(noise(rng, shape, 4.2 * unit), (0.026, 0.014, 0.010))
    paint = clip(paint + touches * rgb_of((0.35 + 0.65 * strength) * (0.4 + 0.6 * scene.figure)))
    paint = lerp(paint, rgb("3a1f18"), scene.lines[..., None] * (0.25 + 0.25 * strength))
    paint = age(paint, rng, 0.7 * strength, unit, varnish=0.3)
    return oval(scene, paint)


def oval(scene: Scene, paint: Image) -> Image:
    """Frame the picture in an oval: a gold fillet, and a dark mount in the corners."""
    y = np.linspace(-1, 1, scene.shape[0], dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, scene.shape[1], dtype=np.float32)[None, :]
    pixel = 2.0 / min(scene.shape)
    radius = np.sqrt(x * x + y * y) - np.float32(0.985)
    # The corners of the canvas lie at √2, the fillet touches its sides.
    rim, width = radius / np.float32(pixel), 3.5 * scene.unit
    gold = mix(("3a2408", "8a5f1c", "d8a84a", "fff0b8"), clip(0.45 - 0.35 * (x + y) + 0.25 * np.cos(rim / width)))
    mount = relief(
        np.broadcast_to(rgb("2a1c16"), paint.shape).astype(np.float32),
        noise(scene.rng, scene.shape, 2 * scene.unit),
        0.12,
    )
    paint = paint * rgb_of(1 - 0.45 * smoothstep(rim, -9 * scene.unit, 0))
    paint = lerp(paint, gold, smoothstep(rim, -0.8, 0.8)[..., None])
    return lerp(paint, mount, smoothstep(rim, width * 2 - 0.8, width * 2 + 0.8)[..., None])


def watercolour(scene: Scene) -> Image:
    """Paint transparent washes on white paper: wet edges, granulation, colour run together, a bare margin."""
    rng, unit, strength = scene.rng, scene.unit, scene.strength
    shape = scene.shape
    tooth = paper(rng, shape, unit)
    tone = clip(0.12 + 0.95 * np.power(clip(scene.tone), np.float32(0.72)))
    ground = (
        ("3c5566", "6b8795", "9bb3b9", "c6d3d0", "e8eae2")
        if rng.random() < 0.6
        else ("5d5a38", "8b8757", "b3ad82", "d4ceac", "ebe8d6")
    )
    paint = saturate(coloured(scene, tone, level=0.68, ground=ground, keep=0.75), 1.35)
    soft = np.dstack([guided(cv2.extractChannel(paint, c), tone, 6 * unit, 0.002) for c in range(3)])
    grey = blur(tone, 1.2 * unit) + np.float32(0.035) * noise(rng, shape, 18 * unit, 3)
    # Washes: the tone in steps; pigment gathers along the border of each.
    washes = (5.0 + 4 * (1 - strength)) * grey
    step = washes - np.floor(washes)
    border = np.exp(-np.square(np.minimum(step, 1 - step) / np.float32(0.10))) * smoothstep(
        np.abs(grey - blur(grey, 4 * unit)), 0.003, 0.03
    )
    flat = (np.floor(washes) + smoothstep(step, 0.6, 1.0)) / (washes + np.float32(1e-3))
    soft = lerp(soft, clip(soft * np.clip(flat, 0.75, 1.25)[..., None]), 0.5 * strength)
    density = 1 + 0.45 * border + 0.10 * tooth * (1.2 - tone) + 0.10 * noise(rng, shape, 30 * unit, 3)
    paint = np.power(clip(soft) + np.float32(1e-3), rgb_of((0.92 * density).astype(np.float32)))
    dark = smoothstep(0.42 - scene.tone, 0.0, 0.35)[..., None] * 0.25 + scene.lines[..., None] * 0.35
    paint = lerp(paint, rgb("2b2523"), dark * strength)
    frayed = vignette(shape, 1.0) + 0.10 * noise(rng, shape, 55 * unit, 4)
    painted = np.maximum(smoothstep(frayed, 0.30, 0.42), scene.figure * smoothstep(frayed, 0.02, 0.16))
    rim = np.exp(-np.square((frayed - 0.42) / np.float32(0.025)))[..., None] * (1 - scene.figure[..., None])
    white = relief(np.broadcast_to(rgb("f6f1e4"), paint.shape).astype(np.float32), tooth, 0.02)
    paint = lerp(white, clip(paint * (1 - 0.15 * rim)) * white, painted[..., None])
    return age(relief(paint, tooth, 0.025), rng, 0.5 * strength, unit, varnish=0.2)
