"""Reads from the header of an image file what Pillow ignores about its samples.

Pillow opens a file and knows its mode, but ignores much that decides how its samples look: 12 bits in 16, white
as 0, PNG's `gAMA`, `cHRM` and `cICP`, the colour boxes of JPEG 2000 and AVIF, the profile in a BMP. This module reads
these, and refuses what Pillow would decode wrongly.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from PIL import Image as Pillow
from PIL import TiffImagePlugin

from pipeline.faces.profiles import BT709, described

# Names of TIFF tags (TIFF 6.0).
SUBFILE, BITS, COMPRESSION, PHOTOMETRIC, PLANES, INKS, FORMAT, DNG = 254, 258, 259, 262, 284, 332, 339, 50706
SUBSAMPLING = 530
WHITE_IS_ZERO, SEPARATED, YCBCR = 0, 5, 6
SAMPLES = {2: "signed", 3: "floating-point", 5: "complex", 6: "complex"}
# x and y of white, red, green and blue by their numbers in ITU-T H.273, and exponents of its transfer functions.
PRIMARIES = {
    1: BT709,
    4: (0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (0.3127, 0.3290, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (0.3127, 0.3290, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (0.3127, 0.3290, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    9: (0.3127, 0.3290, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    22: (0.3127, 0.3290, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077),
}
# A camera's curve (BT.709 and its like) is shown as sRGB, as browsers and libavif do.
AS_SRGB = {1, 2, 6, 11, 13, 14, 15}
GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
HDR = {16: "PQ", 18: "HLG"}
# The enumerated colour spaces of JP2 that are read: bilevel, CMYK, sRGB, grey, sYCC (ISO/IEC 15444-1, annex I).
JP2_SPACES = {0, 12, 15, 16, 17, 18}
# libpng treats gammas within 5 % of each other as equal.
SRGB_GAMMA, NEAR = 1 / 2.2, 0.05
# Raw modes in which Pillow keeps the high bytes of 16-bit samples, and those that keep the low ones.
LITTLE = sys.byteorder == "little"
LOW_BYTES = {
    f"{mode};16{order}": f"{mode};16{other}"
    for mode in ("RGB", "RGBA")
    for order, other in (("B", "L"), ("L", "B"), ("N", "B" if LITTLE else "L"))
}


class Unsuitable(Exception):
    """A picture that would be read wrongly; the message says why and what to do."""


@dataclass(frozen=True)
class Header:
    """What is known of the samples before they are decoded."""

    profile: bytes | None = None
    """ICC profile of the samples, embedded, or written from the numbers in the header."""
    top: int = 65535
    """The value that means white in 16-bit grey."""
    negative: bool = False
    """Whether 0 means white in the samples that Pillow decodes."""
    levels: int = 255
    """The largest value on the scale in which a PNG gives its transparent grey."""
    deep: bool = False
    """Whether the samples of a colour picture have 16 bits; Pillow keeps only the high byte."""


def look(image: Pillow.Image, head: Callable[[int], bytes]) -> Header:
    """Look at the header of an opened image, before any of its pixels is decoded.

    Args:
        image: as Pillow opened it.
        head: returns that many first bytes of the file.

    Raises:
        Unsuitable: it would be read wrongly.
    """
    embedded = image.info.get("icc_profile")
    profile = embedded if isinstance(embedded, bytes) and len(embedded) > 128 else None
    raw = _raw_mode(image)
    if image.format == "PNG":
        bits = int(raw.partition(";")[2].strip("BIR") or 8)
        levels = (1 << bits) - 1 if image.mode == "L" else 255
        return Header(profile or _png(image, head), levels=levels, deep=raw in LOW_BYTES or raw == "LA;16B")
    if image.format == "TIFF":
        return _tiff(image, profile, raw)
    if image.format == "JPEG2000":
        return Header(profile or _jp2(head))
    if image.format == "AVIF":
        return Header(profile or _nclx(head(1 << 12)))
    if image.format == "BMP":
        return Header(profile or _bmp(head))
    if image.mode == "F":
        raise Unsuitable("floating-point samples without a defined range: convert it to 8 or 16 bits")
    return Header(profile)


def _raw_mode(image: Pillow.Image) -> str:
    """Return how the samples lie in the file, as Pillow's decoders are told."""
    tiles: list[Any] = getattr(image, "tile", [])
    arguments = tiles[0][3] if tiles else ""
    return str(arguments[0] if isinstance(arguments, tuple) and arguments else arguments or "")


def _png(image: Pillow.Image, head: Callable[[int], bytes]) -> bytes | None:
    """Return the profile by the chunks cICP, sRGB, gAMA and cHRM, in this order (PNG, third edition, 4.3)."""
    info = image.info
    said = next((content for name, content in _chunks(head) if name == b"cICP" and len(content) == 4), None)
    if said is not None:
        return coded(said[0], said[1])
    gamma, chromaticities = info.get("gamma") or SRGB_GAMMA, info.get("chromaticity")
    if chromaticities is not None and min(chromaticities[1::2]) <= 0:
        chromaticities = None
    usual = abs(gamma / SRGB_GAMMA - 1) < NEAR
    if "srgb" in info or (usual and not chromaticities):
        return None
    return described(chromaticities or BT709, None if usual else 1 / gamma)


def _chunks(head: Callable[[int], bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of a PNG's small chunks before its pixels."""
    data, at = head(1 << 12), 8
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        if name == b"IDAT":
            return
        if size > 1 << 10 and at + size + 12 > len(data):  # a profile or text: look behind it
            data = head(at + size + (1 << 12))
        yield name, data[at + 8 : at + 8 + size]
        at += size + 12


def coded(primaries: int, transfer: int) -> bytes | None:
    """Return a colour space's profile by its code points in ITU-T H.273; None for sRGB, or where they are unspecified.

    Raises:
        Unsuitable: the samples are high dynamic range (HDR), or have an unknown transfer function or primaries.
    """
    if transfer in HDR:
        raise Unsuitable(f"its samples are high dynamic range ({HDR[transfer]}): convert it to sRGB")
    if transfer not in AS_SRGB and transfer not in GAMMAS:
        raise Unsuitable(f"its samples have the transfer function {transfer} of ITU-T H.273: convert it to sRGB")
    if primaries not in PRIMARIES and primaries != 2:
        raise Unsuitable(f"its samples have the primaries {primaries} of ITU-T H.273: convert it to sRGB")
    if primaries in (1, 2) and transfer in AS_SRGB:
        return None
    return described(PRIMARIES.get(primaries, BT709), GAMMAS.get(transfer))


def _tiff(image: Any, profile: bytes | None, raw: str) -> Header:
    """Return the header of a TIFF; raises Unsuitable for what Pillow would decode wrongly without a word."""
    if DNG in image.tag_v2:
        raise Unsuitable("a camera's raw picture (DNG): develop it and save it as JPEG or PNG")
    _skip_previews(image)
    raw, tags = _raw_mode(image), image.tag_v2
    bits, photometric = max(tags.get(BITS, (1,))), tags.get(PHOTOMETRIC)
    samples = tags.get(FORMAT, (1,))
    kind = next((SAMPLES[value] for value in samples if value in SAMPLES), None)
    if kind or image.mode == "F":
        raise Unsuitable(f"{kind or 'floating-point'} samples without a defined range: convert it to 8 or 16 bits")
    if image.mode == "I":
        raise Unsuitable("32-bit samples without a defined range: convert it to 8 or 16 bits")
    if bits > 8 and len(image.getbands()) > 1 and tags.get(PLANES) == 2 and tags.get(COMPRESSION) == 1:
        raise Unsuitable(f"{bits}-bit colours in separate planes: save it with interleaved channels, or as PNG")
    if photometric == SEPARATED and tags.get(INKS, 1) != 1:
        raise Unsuitable("it is separated into other inks than CMYK: convert it to sRGB")
    if photometric == YCBCR and tags.get(COMPRESSION) == 1 and tuple(tags.get(SUBSAMPLING, (2, 2))) != (1, 1):
        raise Unsuitable("uncompressed YCbCr with subsampled colours: save it as RGB")
    wide = image.mode.startswith("I;16")
    top = (1 << bits) - 1 if wide else 65535
    return Header(profile, top=top, negative=wide and photometric == WHITE_IS_ZERO, deep=raw in LOW_BYTES)


def _skip_previews(image: Any) -> None:
    """Turn to the first page that is not a reduced copy of another."""
    page = 0
    while image.tag_v2.get(SUBFILE, 0) & 1:
        page += 1
        try:
            image.seek(page)
        except EOFError:
            raise Unsuitable("it holds only a reduced copy of a picture: save the picture itself") from None


def unread_tiff(head: bytes) -> str:
    """Describe the content of a TIFF for which Pillow has no mode."""
    try:
        tags = TiffImagePlugin.ImageFileDirectory_v2(head[:8])
        import io

        file = io.BytesIO(head)
        file.seek(tags.next)
        tags.load(file)
        bits, channels = tags.get(BITS, (1,)), tags.get(277, 1)
        kind = SAMPLES.get(tags.get(FORMAT, (1,))[0], "unsigned")
        return (
            f"a TIFF of {channels} channel{'s' * (channels > 1)} of {max(bits)}-bit {kind} samples, photometric "
            f"interpretation {tags.get(PHOTOMETRIC, 'unknown')}, compression {tags.get(COMPRESSION, 1)}, which cannot "
            "be read: convert it to 8-bit RGB"
        )
    except Exception:  # its directory lies further behind, or is broken
        return "a TIFF of a kind that cannot be read: convert it to 8-bit RGB"


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and end of the content of ISO base media boxes, as far as the data goes."""
    while at + 8 <= end:
        size, name = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if size == 1 and start + 8 <= end:
            size, start = struct.unpack_from(">Q", data, start)[0], start + 8
        size = size or end - at
        if size < start - at:
            return
        yield name, start, min(at + size, end)
        at += size


def _jp2(head: Callable[[int], bytes]) -> bytes | None:
    """Return the profile in the first colour box of a JP2 that has one."""
    data = head(1 << 12)
    at = data.find(b"jp2h") - 4
    if at < 0:  # a bare codestream, which says nothing of its colours
        return None
    data = head(at + int.from_bytes(data[at : at + 4], "big"))
    for name, start, end in _boxes(data, at + 8, len(data)):
        if name == b"colr" and end - start > 3:
            method, space = data[start], int.from_bytes(data[start + 3 : start + 7], "big")
            if method == 1 and space not in JP2_SPACES:
                raise Unsuitable(f"its colours are in space {space} of JPEG 2000: convert it to sRGB")
            return data[start + 3 : end] if method in (2, 3) else None
    return None


def _nclx(data: bytes) -> bytes | None:
    """Return the profile that the colour box of an AVIF gives by numbers."""
    at = data.find(b"colrnclx")
    return None if at < 0 or at + 12 > len(data) else coded(*struct.unpack_from(">HH", data, at + 8))


def _bmp(head: Callable[[int], bytes]) -> bytes | None:
    """Return the profile that a BMP of version 5 embeds."""
    data = head(14 + 124)
    if len(data) < 138 or data[14:18] != struct.pack("<I", 124) or data[70:74] != b"DEBM":
        return None
    start, size = struct.unpack_from("<II", data, 126)
    return head(14 + start + size)[14 + start :] or None
