"""Reading an image file as 8-bit RGB, whatever it holds, or saying why it cannot be read.

Pillow decodes, because it notices a truncated file where OpenCV returns one that is grey from the gap on, and knows
CMYK, ICC profiles, 16 bits and palettes. Files are judged by their content, never by the ending of their name.

* An image may stand in a RecordIO file: `train.rec/OFFSET` names the record that begins at that byte.
* Turned as the EXIF orientation says, so that pixel coordinates are those a viewer shows.
* 16-bit samples are divided by 257; greyscale becomes three equal channels; of an animation the first frame counts.
* Transparent pixels are laid on white, as a page shows them.
* Colours are brought to sRGB where the file embeds a profile of another space; CMYK without one is converted plainly.
"""

from __future__ import annotations

import codecs
import io
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageCms, ImageOps, UnidentifiedImageError

from pipeline.errors import SitterError
from pipeline.faces.recordio import BrokenRecord, record_in

RGBImage = NDArray[np.uint8]  # [height, width, 3]

# Nothing that runs a program of its own to decode (EPS) or that holds no pixels.
FORMATS = ("JPEG", "PPM", "PNG", "TIFF", "WEBP", "BMP", "GIF", "JPEG2000", "AVIF")
READABLE = "JPEG, PNG, PGM/PPM, TIFF, WebP, BMP, GIF, JPEG 2000 or AVIF"
# Beginnings of what is often saved under the name of an image.
IMPOSTORS = {
    b"<!doctype html": "a web page",
    b"<html": "a web page",
    b"<svg": "an SVG drawing",
    b"<?xml": "XML",
    b"%pdf": "a PDF",
    b"version https://git-lfs": "a git-lfs pointer, not the file that it points to",
}
ORIENTATION = 0x0112
# How a colour profile that changes nothing names itself.
SRGB = (b"sRGB", "sRGB".encode("utf-16-be"))
# Pillow's own limit is a warning at 89 megapixels and fixed; `max_megapixels` takes its place.
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
        path: file, whose ending does not matter, or record in a `.rec` file.
        max_megapixels: a larger image, by its header, is refused before any pixel is decoded.

    Returns:
        uint8 [height, width, 3], RGB.

    Raises:
        UnreadableImage: missing, empty, no image, truncated, broken, or too large.
    """
    path = Path(path)
    try:
        record = record_in(path)
        if record is None:
            _check_file(path)
        elif not record:
            raise UnreadableImage(path, "the record holds no image")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of metadata: what matters is raised
            with Pillow.open(path if record is None else io.BytesIO(record), formats=FORMATS) as image:
                width, height = image.size
                if width * height > max_megapixels * 1e6:
                    raise UnreadableImage(
                        path,
                        f"{width}×{height} pixels are {width * height / 1e6:,.0f} megapixels, "
                        f"more than max_megapixels: {max_megapixels:g}",
                    )
                image.load()
                return np.array(_rgb(_upright(image)), np.uint8)
    except UnidentifiedImageError:
        raise UnreadableImage(path, _what_it_is(_beginning(path))) from None
    except UnreadableImage:
        raise
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


def encoded_image(path: Path) -> bytes:
    """An image as delivered: the bytes of a file or of a record."""
    record = record_in(path)
    return path.read_bytes() if record is None else bytes(record)


def _check_file(path: Path) -> None:
    if not path.exists():
        raise UnreadableImage(path, "the file does not exist")
    if not path.is_file():
        raise UnreadableImage(path, "this is a folder or device, not a file")
    if not path.stat().st_size:
        raise UnreadableImage(path, "the file is empty")


def _upright(image: Pillow.Image) -> Pillow.Image:
    try:
        turned = image.getexif().get(ORIENTATION, 1) != 1
    except Exception:  # unreadable metadata is no reason to lose the picture
        return image
    return ImageOps.exif_transpose(image) if turned else image


def _rgb(image: Pillow.Image) -> Pillow.Image:
    """Any mode to RGB."""
    if image.mode.startswith("I"):  # I;16, I;16B, …, and I, which Pillow also uses for 16-bit PGM
        samples = np.asarray(image).astype(np.int64)
        if samples.max(initial=0) > 0xFFFF:
            raise ValueError("32-bit samples without a defined range: convert it to 8 or 16 bits")
        image = Pillow.fromarray((samples.clip(0) / 257 + 0.5).astype(np.uint8))
    if image.mode == "F":
        raise ValueError("floating-point samples without a defined range: convert it to 8 or 16 bits")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Pillow.alpha_composite(Pillow.new("RGBA", image.size, "white"), image).convert("RGB")
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "CMYK", "LAB") and not any(name in profile for name in SRGB):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError):
            pass  # a broken profile, or one of another colour space than the pixels: convert plainly
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB") or image
    return image.convert("RGB")


def _beginning(path: Path) -> bytes:
    record = record_in(path)
    if record is not None:
        return bytes(record[:64])
    with open(path, "rb") as file:
        return file.read(64)


def _what_it_is(data: bytes) -> str:
    start = data.lstrip().lower()
    for beginning, what in IMPOSTORS.items():
        if start.startswith(beginning):
            return f"no image but {what}"
    try:
        text = codecs.utf_8_decode(data)[0].strip()  # not to the end, where a letter may be cut
    except UnicodeDecodeError:
        text = ""
    if text and "".join(text.split()).isprintable():
        return f"no image but text, which begins {text.splitlines()[0][:24]!r}"
    return f"no image in a format that can be read ({READABLE})"
