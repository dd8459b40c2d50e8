"""Reads an image file as 8-bit sRGB, whatever it holds, or says why it cannot be read.

Pillow decodes, because it notices a truncated file where OpenCV returns one that is grey from the gap on, and knows
CMYK, ICC profiles, 16 bits and palettes. Files are judged by their content, never by the ending of their name.

* An image may stand in a RecordIO file: `train.rec/OFFSET` names the record that begins at that byte.
* Turned as the EXIF orientation says, so that pixel coordinates are those a viewer shows.
* Samples of 16 bits are scaled to 8; greyscale becomes three equal channels. In an animation, or a file of several
  pages, the first picture is read that is not marked as a reduced copy of another.
* Transparent pixels are laid on white, as a page shows them.
* Colours are converted to sRGB in every mode and at 8 or 16 bits, by the ICC profile in the file, or else by what its
  header says in numbers (PNG's `cICP`, `gAMA` and `cHRM`, AVIF's `nclx`). Pixels without either are sRGB. A profile
  that is broken, or made for other channels than the file has, is left out; CMYK without one is converted plainly.
* Images that would be read wrongly are refused with the reason: floating-point or signed samples, HDR, 12 bits that
  claim to be 16, inks other than CMYK, pictures in which every pixel is transparent.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from pipeline.core.errors import SitterError
from pipeline.core.file_types import beginning, known, readable
from pipeline.core.pixels import RGBImage
from pipeline.faces.colour import srgb
from pipeline.faces.headers import Unsuitable, look, unread_tiff
from pipeline.formats.recordio import BrokenRecord, record_in

# These leave out formats that need another program to decode (EPS) or that hold no pixels.
FORMATS = ("JPEG", "PPM", "PNG", "TIFF", "WEBP", "BMP", "GIF", "JPEG2000", "AVIF")
READABLE = "JPEG, PNG, PGM/PPM, TIFF, WebP, BMP, GIF, JPEG 2000 or AVIF"
ORIENTATION = 0x0112
# How pixels are turned or mirrored to be upright, by the number of the orientation.
TURNS = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}
# Pillow's own limit is fixed and only warns, at 89 megapixels; `max_megapixels` takes its place.
Pillow.MAX_IMAGE_PIXELS = None


class UnreadableImage(SitterError):
    """An image that cannot be used; `reason` says why, without the path."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def read_image(path: Path, max_megapixels: float = 200) -> RGBImage:
    """Read an image file.

    Args:
        path: a file with any ending, or a record in a `.rec` file.
        max_megapixels: an image that is larger by its header is refused before any pixel is decoded.

    Returns:
        uint8 [height, width, 3], RGB.

    Raises:
        UnreadableImage: the file is missing, empty, no image, truncated, broken, or too large.
    """
    path = Path(path)
    return _decoded(partial(_source, path), path, max_megapixels)


def decode_image(data: bytes, name: str, max_megapixels: float = 200) -> RGBImage:
    """Read an image from the bytes of its file; Errors call it `name`. The rest is as in `read_image`."""
    if not data:
        raise UnreadableImage(Path(name), "the file is empty")
    return _decoded(lambda: data, Path(name), max_megapixels)


def _source(path: Path) -> Path | bytes:
    """Return where an image is read from: its file, or the bytes of a record."""
    record = record_in(path)
    if record is None:
        _check_file(path)
        return path
    if not record:
        raise UnreadableImage(path, "the record holds no image")
    return bytes(record)


def _decoded(given: Callable[[], Path | bytes], path: Path, max_megapixels: float) -> RGBImage:
    """Return the pixels of a file or of bytes; errors name `path`."""
    try:
        source = given()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about metadata; what matters is raised
            with _opened(source) as image:
                header = look(image, partial(_head, source))
                width, height = image.size
                if width * height > max_megapixels * 1e6:
                    raise UnreadableImage(
                        path,
                        f"{width}×{height} pixels are {width * height / 1e6:,.0f} megapixels, "
                        f"more than max_megapixels: {max_megapixels:g}",
                    )
                image.load()
                turn, plain = _turn(image), srgb(image, header, partial(_opened, source))
                return np.array(plain if turn is None else plain.transpose(turn), np.uint8)
    except UnidentifiedImageError:
        raise UnreadableImage(path, _what_it_is(_head(source, 1 << 16))) from None
    except UnreadableImage:
        raise
    except Unsuitable as error:
        raise UnreadableImage(path, str(error)) from None
    except BrokenRecord as error:
        raise UnreadableImage(path, str(error)) from None
    except PermissionError:
        raise UnreadableImage(path, "the file may not be read: check its permissions") from None
    except MemoryError:
        raise UnreadableImage(path, f"{width}×{height} pixels do not fit into memory") from None
    except Exception as error:  # decoders raise nearly anything on broken files
        text = str(error)
        truncated = any(word in text.lower() for word in ("truncated", "eof", "not enough", "unexpected end"))
        kind = "truncated" if truncated else "broken"
        raise UnreadableImage(path, f"the image is {kind} ({text or type(error).__name__})") from None


def _opened(source: Path | bytes) -> Pillow.Image:
    return Pillow.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS)


def encoded_image(path: Path) -> bytes:
    """Return an image as delivered: the bytes of a file or of a record."""
    record = record_in(path)
    return path.read_bytes() if record is None else bytes(record)


def _check_file(path: Path) -> None:
    if not path.exists():
        raise UnreadableImage(path, "the file does not exist")
    if not path.is_file():
        raise UnreadableImage(path, "this is a folder or device, not a file")
    if not path.stat().st_size:
        raise UnreadableImage(path, "the file is empty")


def _turn(image: Pillow.Image) -> Pillow.Transpose | None:
    """Return the turn that makes a decoded image upright; None if it is upright."""
    try:
        return TURNS.get(image.getexif().get(ORIENTATION, 1))
    except Exception:  # unreadable metadata is no reason to lose the picture
        return None


def _head(source: Path | bytes, size: int) -> bytes:
    """Return the first bytes of a file or of a record's content."""
    return source[:size] if isinstance(source, bytes) else beginning(source, size)


def _what_it_is(data: bytes) -> str:
    """Say, by its first bytes, why Pillow does not know an image."""
    what = known(data)
    if what == "a TIFF picture":
        return unread_tiff(data)
    if what is not None and any(what.endswith(f"{form} picture") for form in ("JPEG", "PNG", "GIF", "WebP", "AVIF")):
        return f"the image is broken or truncated ({what} with an unreadable header)"
    if what is not None:
        return f"no image but {what}"
    if line := readable(data[:64]):
        return f"no image but text, which begins {line[:24]!r}"
    return f"no image in a format that can be read ({READABLE})"
