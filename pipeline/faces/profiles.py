"""Applies ICC profiles, recognises sRGB by a profile's content, and writes a profile for given numbers.

LittleCMS (through Pillow) converts. A profile that is broken, or that does not describe pixels of the given mode, is
ignored: the pixels are then read as if they had none, as browsers do.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageCms

from pipeline.core.numbers import Floats

# The colour space of profiles that describe pixels of a Pillow mode.
SPACES = {"RGB": b"RGB ", "CMYK": b"CMYK", "LAB": b"Lab "}
# Profiles that describe no device's colours: device links, abstract effects, named colours.
OTHER_CLASSES = (b"link", b"abst", b"nmcl")
# A profile that moves no colour by more than this many of 255 levels is sRGB: published sRGB profiles differ by 1 or 2.
SAME = 3
D50 = (0.9642, 1.0, 0.8249)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
# x and y of white, red, green and blue.
BT709 = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
CURVES = (b"rTRC", b"gTRC", b"bTRC")


def convert(image: Pillow.Image, profile: bytes) -> Pillow.Image | None:
    """Convert 8-bit pixels to sRGB by their profile.

    Args:
        image: mode L, RGB, CMYK or LAB.
        profile: an ICC profile, as embedded.

    Returns:
        Mode RGB; None where the profile changes nothing, is broken or does not describe such pixels.
    """
    if image.mode == "L":
        grey = convert_grey(np.asarray(image).astype(np.uint16) * 257, profile)
        if grey is not None:
            return Pillow.fromarray(grey).convert("RGB")
        image = image.convert("RGB")  # an RGB profile describes its grey
    way = _way(profile, image.mode)
    return None if way is None else ImageCms.applyTransform(image, way)


def convert_grey(samples: NDArray[np.uint16], profile: bytes) -> NDArray[np.uint8] | None:
    """Convert 16-bit grey to sRGB's grey: uint8 of the same shape; None in the cases of `convert`.

    An RGB profile is applied by its tone curve; None where it has tables instead of curves.
    """
    if profile[16:20] == b"RGB ":
        tags = tags_of(profile)
        if b"A2B0" in tags or b"gTRC" not in tags:
            return None
        profile = make(b"GRAY", {b"kTRC": tags[b"gTRC"]})
    table = _table(profile)
    return None if table is None else table[samples]


def convert_deep(samples: NDArray[np.uint16], profile: bytes) -> Pillow.Image | None:
    """Convert 16-bit colours to sRGB; through Pillow, LittleCMS takes 16 bits only for grey.

    So the tone curves are applied first, channel by channel, and the result is stored with sRGB's curve, for which
    8 bits suffice. Then the primaries are converted.

    Args:
        samples: [height, width, 3].
        profile: an ICC profile, as embedded.

    Returns:
        Mode RGB; None where the profile changes nothing, is broken or does not consist of curves and a matrix.
    """
    tags = tags_of(profile)
    if _way(profile, "RGB") is None or b"A2B0" in tags or not all(curve in tags for curve in CURVES):
        return None
    channels = []
    for number, curve in enumerate(CURVES):
        channel = convert_grey(samples[..., number], make(b"GRAY", {b"kTRC": tags[curve]}))
        channels.append(eight_bits(samples[..., number]) if channel is None else channel)
    image = Pillow.fromarray(np.stack(channels, -1))
    primaries = {name: tags[name] for name in (b"rXYZ", b"gXYZ", b"bXYZ") if name in tags}
    converted = convert(image, make(b"RGB ", primaries | dict.fromkeys(CURVES, SRGB_CURVE)))
    return image if converted is None else converted


def eight_bits(samples: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Scale 16-bit samples to 8 bits."""
    return (samples / 257 + 0.5).astype(np.uint8)


@lru_cache(32)
def _way(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return LittleCMS's transform from a mode to sRGB; None where there is none or it changes nothing."""
    if profile[16:20] != SPACES[mode] or profile[12:16] in OTHER_CLASSES:
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        way = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
        if mode != "RGB":
            return way
        probe = _probe()
        moved = np.asarray(ImageCms.applyTransform(Pillow.fromarray(probe), way), np.int16) - probe
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    return way if np.abs(moved).max() > SAME else None


@lru_cache(8)
def _table(profile: bytes) -> NDArray[np.uint8] | None:
    """Return sRGB's grey for each 16-bit sample, uint8 [65536]; None where the profile is broken or changes nothing.

    The table is made without LittleCMS's optimisations, which are 10 levels off in the shadows of linear
    samples.
    """
    if profile[16:20] != b"GRAY" or profile[12:16] in OTHER_CLASSES:
        return None
    ramp = np.arange(1 << 16, dtype=np.uint16)
    try:
        source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        way = ImageCms.buildTransform(source, target, "I;16", "RGB", flags=ImageCms.Flags.NOOPTIMIZE)
        table = np.asarray(ImageCms.applyTransform(Pillow.fromarray(ramp[None]), way))[0, :, 1]
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    return table if np.abs(table.astype(np.int16) - eight_bits(ramp)).max() > SAME else None


def _probe() -> NDArray[np.uint8]:
    """Return colours from all of RGB, and all greys: uint8 [1, n, 3]."""
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(1, -1, 3)
    return np.concatenate([colours, np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, 2)], 1)


def described(chromaticities: tuple[float, ...] = BT709, gamma: float | None = None) -> bytes:
    """Return the profile of an RGB space that is given by numbers.

    Args:
        chromaticities: x and y of white, red, green and blue; by default the values of sRGB.
        gamma: exponent from samples to light, 1 for linear samples; None for sRGB's curve.

    Returns:
        An ICC profile; its matrix is adapted to D50 by Bradford's method (ICC.1:2022, annex E).
    """
    xy = np.array(chromaticities, np.float64).reshape(4, 2)
    white, *primaries = np.concatenate([xy, 1 - xy.sum(1, keepdims=True)], 1) / xy[:, 1:]
    matrix = np.array(primaries).T
    matrix = matrix * np.linalg.solve(matrix, white)
    cones = BRADFORD @ np.stack([D50, white], 1)
    adapted = np.linalg.solve(BRADFORD, np.diag(cones[:, 0] / cones[:, 1]) @ BRADFORD) @ matrix
    curve = SRGB_CURVE if gamma is None else b"para" + bytes(8) + _fixed(gamma)
    columns = {name: _xyz(adapted[:, n]) for n, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    return make(b"RGB ", columns | dict.fromkeys(CURVES, curve))


def make(space: bytes, tags: Mapping[bytes, bytes]) -> bytes:
    """Return an ICC profile (version 4.3) of a display device with these tags beside the required ones."""
    text = "none".encode("utf-16-be")
    words = b"mluc" + bytes(4) + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(text), 28) + text
    tags = {b"desc": words, b"cprt": words, b"wtpt": _xyz(D50), **tags}
    table, body, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(">I4sI4s4s4s", start + len(body), bytes(4), 0x04300000, b"mntr", space, b"XYZ ")
    head += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + b"".join(map(_fixed, D50))
    return head + bytes(128 - len(head)) + table + body


def tags_of(profile: bytes) -> dict[bytes, bytes]:
    """Return the content of each tag of a profile; an empty dict where its table is broken."""
    try:
        count = struct.unpack_from(">I", profile, 128)[0]
        entries = [struct.unpack_from(">4sII", profile, 132 + 12 * n) for n in range(min(count, 100))]
    except struct.error:
        return {}
    return {name: profile[start : start + size] for name, start, size in entries}


def _fixed(number: float) -> bytes:
    """Encode a number as ICC's s15Fixed16Number."""
    return struct.pack(">i", round(number * 65536))


def _xyz(values: tuple[float, ...] | Floats) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(_fixed(float(value)) for value in values)


# IEC 61966-2-1: ((x + 0.055) / 1.055) ^ 2.4 from 0.04045 on, x / 12.92 below; parametricCurveType 3.
SRGB_CURVE = (
    b"para"
    + bytes(4)
    + struct.pack(">HH", 3, 0)
    + b"".join(map(_fixed, (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)))
)
