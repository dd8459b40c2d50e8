"""Pictures of known sRGB colours, written in other spaces, modes and formats by formulas and not by LittleCMS."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.generic]

# Columns X, Y, Z of red, green and blue, adapted to D50, and the exponent from samples to light (None: sRGB's curve).
SRGB = (((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)), None)
SPACES = {
    "sRGB": SRGB,
    "linear sRGB": (SRGB[0], 1.0),  # a name that holds sRGB
    "Adobe RGB": (((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446)), 2.19921875),
    "ProPhoto RGB": (((0.7977, 0.2880, 0.0000), (0.1352, 0.7119, 0.0000), (0.0313, 0.0001, 0.8249)), 1.8),
    "Display P3": (((0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1572, 0.0666, 0.7841)), None),
}


def light(values: Array) -> Array:
    """SRGB samples from 0 to 1 as linear light (IEC 61966-2-1)."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def samples(linear: Array) -> Array:
    """The inverse of `light`."""
    linear = np.clip(linear, 0, None)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def in_space(srgb: Array, space: str, bits: int = 8) -> Array:
    """8-bit sRGB colours (or greys) as samples of a space with so many bits."""
    columns, gamma = SPACES[space]
    linear = light(srgb / 255)
    if srgb.ndim == 3:
        linear = linear @ (np.linalg.inv(np.array(columns).T) @ np.array(SRGB[0]).T).T
    values = samples(linear) if gamma is None else np.clip(linear, 0, None) ** (1 / gamma)
    top = (1 << bits) - 1
    return np.clip(np.round(values * top), 0, top).astype(np.uint8 if bits == 8 else np.uint16)


def from_space(values: Array, space: str, bits: int = 8) -> Array:
    """What samples of a space look like, as 8-bit sRGB that is not rounded: the inverse of `in_space`."""
    columns, gamma = SPACES[space]
    shares = values / ((1 << bits) - 1)
    linear = light(shares) if gamma is None else shares**gamma
    if values.ndim == 3:
        linear = linear @ (np.linalg.inv(np.array(SRGB[0]).T) @ np.array(columns).T).T
    return np.clip(samples(linear), 0, 1) * 255


def profile(space: str, grey: bool = False) -> bytes:
    """An ICC profile of version 2 that says so."""

    def fixed(number: float) -> bytes:
        return struct.pack(">i", round(number * 65536))

    def xyz(values: tuple[float, ...]) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(map(fixed, values))

    columns, gamma = SPACES[space]
    if gamma is None:
        points = np.round(light(np.linspace(0, 1, 1024)) * 65535).astype(">u2").tobytes()
        curve = b"curv\0\0\0\0" + struct.pack(">I", 1024) + points
    else:
        curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    name = space.encode() + b"\0"
    tags = [(b"desc", b"desc\0\0\0\0" + struct.pack(">I", len(name)) + name + bytes(79 - len(name) % 4))]
    tags += [(b"cprt", b"text\0\0\0\0none\0\0\0\0"), (b"wtpt", xyz((0.9642, 1, 0.8249)))]
    if grey:
        tags += [(b"kTRC", curve)]
    else:
        tags += [(sign, xyz(column)) for sign, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)]
        tags += [(sign, curve) for sign in (b"rTRC", b"gTRC", b"bTRC")]
    table, at, body = struct.pack(">I", len(tags)), 132 + 12 * len(tags), b""
    for sign, content in tags:
        table += sign + struct.pack(">II", at + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    kind = b"GRAY" if grey else b"RGB "
    head = struct.pack(">I4sI4s4s4s", at + len(body), bytes(4), 0x02100000, b"mntr", kind, b"XYZ ")
    head += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    head += fixed(0.9642) + fixed(1) + fixed(0.8249)
    return head + bytes(128 - len(head)) + table + body


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(values: Array, bits: int = 8, *chunks: bytes) -> bytes:
    """A PNG of 1 (grey), 2 (grey, alpha), 3 or 4 channels; grey of 1, 2 or 4 bits is packed."""
    values = values[..., None] if values.ndim == 2 else values
    height, width, channels = values.shape
    if bits == 16:
        rows = values.astype(">u2").reshape(height, -1).view(np.uint8)
    elif bits == 8:
        rows = values.astype(np.uint8).reshape(height, -1)
    else:
        rows = np.packbits((values >> np.arange(bits - 1, -1, -1) & 1).astype(np.uint8).reshape(height, -1), axis=1)
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def iccp(icc: bytes) -> bytes:
    """A chunk with a profile."""
    return chunk(b"iCCP", b"p\0\0" + zlib.compress(icc))


def tiff(values: Array, icc: bytes | None = None, **options: object) -> bytes:
    """A TIFF by tifffile."""
    file = io.BytesIO()
    photometric = "rgb" if values.ndim == 3 and values.shape[-1] > 2 else "minisblack"
    tifffile.imwrite(file, values, **{"photometric": photometric, "iccprofile": icc, **options})
    return file.getvalue()


def pillow(values: Array, form: str, icc: bytes | None = None, **options: object) -> bytes:
    """An 8-bit picture as Pillow encodes it, without any conversion of colours."""
    file = io.BytesIO()
    Image.fromarray(values).save(file, form, **({"icc_profile": icc} if icc else {}), **options)
    return file.getvalue()


def jp2(values: Array, icc: bytes) -> bytes:
    """A lossless JPEG 2000 whose colour box holds a profile, as digital libraries store them."""
    data = pillow(values, "JPEG2000", irreversible=False)
    at, top = data.index(b"colr") - 4, data.index(b"jp2h") - 4
    size, whole = (struct.unpack_from(">I", data, where)[0] for where in (at, top))
    box = struct.pack(">I", 11 + len(icc)) + b"colr\2\0\0" + icc
    grown = struct.pack(">I", whole - size + len(box))
    return data[:top] + grown + data[top + 4 : at] + box + data[at + size :]


def bmp(values: Array, icc: bytes) -> bytes:
    """A BMP of version 5 with an embedded profile."""
    height, width, _ = values.shape
    rows = np.pad(values[::-1, :, ::-1].reshape(height, -1), ((0, 0), (0, -3 * width % 4))).tobytes()
    head = struct.pack("<IiiHHIIiiII", 124, width, height, 1, 24, 0, len(rows), 0, 0, 0, 0)
    head += bytes(16) + b"DEBM" + bytes(48) + struct.pack("<IIII", 4, 124 + len(rows), len(icc), 0)
    assert len(head) == 124
    return b"BM" + struct.pack("<IHHI", 14 + 124 + len(rows) + len(icc), 0, 0, 138) + head + rows + icc


@dataclass(frozen=True)
class Form:
    """One way to write a picture."""

    name: str
    channels: int
    """1 grey, 2 grey and alpha, 3 colours, 4 colours and alpha."""
    bits: int
    tolerance: float = 1.0


FORMS = [
    *(Form(f"png {channels} {bits}", channels, bits) for channels in (1, 2, 3, 4) for bits in (8, 16)),
    *(Form(f"tiff {channels} {bits}", channels, bits) for channels, bits in ((1, 8), (1, 16), (2, 8))),
    *(Form(f"tiff {channels} {bits}", channels, bits) for channels in (3, 4) for bits in (8, 16)),
    *(Form(f"{name} {channels} 16", channels, 16) for name in ("zip", "big") for channels in (1, 3)),
    *(Form(f"white {bits}", 1, bits) for bits in (8, 16)),
    Form("planes 8", 3, 8),
    Form("tiles 16", 3, 16),
    Form("associated 8", 4, 8, 3.0),
    Form("palette", 3, 8),
    Form("palette tiff", 3, 8),
    Form("jpeg 1", 1, 8, 2.0),
    Form("jpeg 3", 3, 8, 3.0),
    *(Form(f"webp {channels}", channels, 8) for channels in (3, 4)),
    *(Form(f"avif {channels}", channels, 8, 3.0) for channels in (3, 4)),
    *(Form(f"jp2 {channels}", channels, 8) for channels in (1, 3)),
    Form("bmp", 3, 8),
]


def encoded(form: Form, values: Array, icc: bytes) -> bytes:
    """A picture, uint8 or uint16 [height, width] or [height, width, channels], in one of `FORMS` with a profile."""
    kind = form.name.split()[0]
    if kind == "png":
        return png(values, form.bits, iccp(icc))
    if kind == "palette":
        colours, number = np.unique(values.reshape(-1, 3), axis=0, return_inverse=True)
        numbered, file = Image.fromarray(number.reshape(values.shape[:2]).astype(np.uint8)), io.BytesIO()
        numbered.putpalette(colours.tobytes())
        numbered.save(file, "TIFF" if "tiff" in form.name else "PNG", icc_profile=icc)
        return file.getvalue()
    if kind in ("jpeg", "webp", "avif"):
        options = {"jpeg": {"quality": 98, "subsampling": 0}, "webp": {"lossless": True, "exact": True}}
        lossless = {"quality": 100, "subsampling": "4:4:4"}
        return pillow(values, kind.upper(), icc, **options.get(kind, lossless))
    if kind == "jp2":
        return jp2(values, icc)
    if kind == "bmp":
        return bmp(values, icc)
    if kind == "white":
        return tiff(np.iinfo(values.dtype).max - values, icc, photometric="miniswhite")
    if kind == "planes":
        return tiff(np.ascontiguousarray(values.transpose(2, 0, 1)), icc, planarconfig="separate")
    if kind == "associated":
        alpha = values[..., 3:].astype(float) / 255
        laid = np.concatenate([np.round(values[..., :3] * alpha), values[..., 3:]], -1).astype(np.uint8)
        return tiff(laid, icc, extrasamples=["assocalpha"])
    if kind == "big":
        return tiff(values.astype(values.dtype.newbyteorder(">")), icc, byteorder=">")
    options = {"zip": {"compression": "zlib", "predictor": True}, "tiles": {"tile": (16, 16)}}.get(kind, {})
    extra = {"extrasamples": ["unassalpha"], "planarconfig": "contig"} if form.channels in (2, 4) else {}
    return tiff(values, icc, **options, **extra)
