"""Decoded pixels of any kind to 8-bit sRGB: profiles applied, depths scaled, transparent pixels laid on white."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageCms

from pipeline.faces.headers import LOW_BYTES, Header, Unsuitable
from pipeline.faces.profiles import convert, convert_deep, convert_grey, eight_bits

# 16-bit samples that stay below a sixteenth of their range hold 12 bits or fewer and would be read as black.
DIM = 4096
# Modes that hold the same colours in another form.
PLAIN = {"1": "L", "La": "LA", "RGBa": "RGBA", "PA": "RGBA", "YCbCr": "RGB", "RGBX": "RGB"}
Deep = NDArray[np.uint16]


def srgb(image: Pillow.Image, header: Header, again: Callable[[], Pillow.Image]) -> Pillow.Image:
    """Bring a decoded image to mode RGB, in sRGB, without transparency.

    Args:
        image: as Pillow decoded it.
        header: what was found in the file's header.
        again: opens the file once more, to decode the bytes of 16-bit colours that Pillow leaves out.

    Raises:
        Unsuitable: 32-bit or dim samples, or nothing but transparent pixels.
    """
    if image.mode == "RGB" and not header.deep and not header.profile and "transparency" not in image.info:
        return image  # this holds for nearly all images
    deep = _deep(image, header, again) if header.deep else None
    grey = _grey(image, header) if image.mode.startswith("I") else None
    alpha = _alpha(image, header, grey if deep is None else deep)
    if image.mode == "RGBA" and header.profile and header.profile[16:20] == b"CMYK":  # a JP2 of four channels
        image, alpha = Pillow.merge("CMYK", image.split()), None
    colours = _colours(image, header.profile, grey, deep)
    if alpha is None:
        return colours
    if not alpha.getextrema()[1]:
        raise Unsuitable("every pixel is transparent: save it without transparency")
    colours.putalpha(alpha)
    return Pillow.alpha_composite(Pillow.new("RGBA", colours.size, "white"), colours).convert("RGB")


def _colours(image: Pillow.Image, profile: bytes | None, grey: Deep | None, deep: Deep | None) -> Pillow.Image:
    """Return the image in mode RGB, in sRGB, as if nothing were transparent."""
    if grey is not None:
        samples = convert_grey(grey, profile) if profile else None
        if samples is not None:
            return Pillow.fromarray(samples).convert("RGB")
        image = Pillow.fromarray(eight_bits(grey))
    if deep is not None and profile:
        if deep.shape[2] < 3:
            samples = convert_grey(deep[..., 0], profile)
            converted = None if samples is None else Pillow.fromarray(samples).convert("RGB")
        else:
            converted = convert_deep(deep[..., :3], profile)
        if converted is not None:
            return converted
    if image.mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    if image.mode in PLAIN:
        image = image.convert(PLAIN[image.mode])
    if "A" in image.getbands() and image.mode != "LAB":
        image = image.convert(image.mode[:-1])
    converted = convert(image, profile) if profile else None
    if converted is None and image.mode == "LAB":
        lab, target = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, lab, target, outputMode="RGB")
    return image.convert("RGB") if converted is None else converted


def _grey(image: Pillow.Image, header: Header) -> Deep:
    """Return uint16 [height, width]: 16-bit grey, where 65535 is white."""
    samples = np.asarray(image).astype(np.int64)
    highest = int(samples.max(initial=0))
    if highest > 0xFFFF:
        raise Unsuitable("32-bit samples without a defined range: convert it to 8 or 16 bits")
    if header.top != 0xFFFF:
        samples = (samples * 0xFFFF + header.top // 2) // header.top
    elif highest < DIM:
        raise Unsuitable(_dim(highest))
    samples = samples.clip(0, 0xFFFF)
    return (0xFFFF - samples if header.negative else samples).astype(np.uint16)


def _dim(highest: int) -> str:
    return (
        f"its 16-bit samples reach only {highest:,} of 65,535, which would be read as black: it holds fewer bits than "
        "it says. Stretch them to 16 bits, or convert it to 8"
    )


def _deep(image: Pillow.Image, header: Header, again: Callable[[], Pillow.Image]) -> Deep | None:
    """Return uint16 [height, width, channels] where the low bytes of 16-bit colours count; else None."""
    colours: Any = [band for name, band in zip(image.getbands(), image.split(), strict=True) if name != "A"]
    dim = max(band.getextrema()[1] for band in colours) < DIM >> 8
    if not dim and not header.profile and "transparency" not in image.info:
        return None
    with again() as other:
        other_raw: Any = other
        tile = other_raw.tile[0]
        raw = tile.args[0] if isinstance(tile.args, tuple) else tile.args
        whole = raw == "LA;16B"  # there are four bytes of each pixel: they fit into RGBA
        low = "RGBA" if whole else LOW_BYTES[raw]
        swapped = (low, *tile.args[1:]) if isinstance(tile.args, tuple) else low
        other_raw.tile = [each._replace(args=swapped) for each in other_raw.tile]
        other.load()
        rest = np.asarray(other).astype(np.uint16)
    if whole:
        samples = np.stack([rest[..., 0] << 8 | rest[..., 1], rest[..., 2] << 8 | rest[..., 3]], -1)
    else:
        samples = np.asarray(image).astype(np.uint16) << 8 | rest
    if dim:
        raise Unsuitable(_dim(int(samples[..., : len(colours)].max(initial=0))))
    return samples


def _alpha(image: Pillow.Image, header: Header, samples: Deep | None) -> Pillow.Image | None:
    """Return how opaque each pixel is, in mode L; None if all pixels are opaque."""
    bands = image.getbands()
    if bands[-1] in ("A", "a") and image.mode != "LAB":
        return image.getchannel(bands[-1])
    key = image.info.get("transparency")
    if key is None:
        return None
    if image.mode == "P":
        return image.convert("RGBA").getchannel("A")
    if image.mode not in ("1", "L", "RGB") and samples is None:
        return None
    if samples is None:  # one colour of the 8-bit picture is transparent
        values = np.asarray(image).astype(np.int64) * (255 if image.mode == "1" else 1)
        key = key * 255 // header.levels if isinstance(key, int) and image.mode == "L" else key
    else:
        values = samples.astype(np.int64)
    clear = values == np.array(key)
    return Pillow.fromarray(np.where(clear.all(-1) if clear.ndim == 3 else clear, 0, 255).astype(np.uint8))
