"""Recognises files by their first bytes, for messages about a file that is not what its name or place says."""

from __future__ import annotations

import codecs
from pathlib import Path

# How text files begin, in lower case; then the position and the bytes that mark a binary file.
TEXTS = {
    b"<!doctype html": "a web page",
    b"<html": "a web page",
    b"<svg": "an SVG drawing",
    b"<?xml": "XML",
    b"%pdf": "a PDF",
    b"version https://git-lfs": "a git-lfs pointer, not the file that it points to (run `git lfs pull`)",
    b"{\\rtf": "a text of a word processor",
}
BYTES = [
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"PK\x05\x06", "an empty zip archive"),
    (0, b"PK\x07\x08", "the first part of a zip archive in several parts"),
    (257, b"ustar", "a tar archive"),
    (0, b"\x1f\x8b", "a file packed with gzip"),
    (0, b"BZh", "a file packed with bzip2"),
    (0, b"\xfd7zXZ\x00", "a file packed with xz"),
    (0, b"\x28\xb5\x2f\xfd", "a file packed with Zstandard"),
    (0, b"\x04\x22\x4d\x18", "a file packed with LZ4"),
    (0, b"\x89HDF\r\n", "an HDF5 file"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"\x00\x05\x16\x07", "a Mac's notes on a file (AppleDouble), not the file"),
    (0, b"SQLite format 3", "a database"),
    (0, b"8BPS", "a Photoshop picture: save it as JPEG or PNG"),
    (0, b"\xff\x0a", "a JPEG XL picture: save it as JPEG or PNG"),
    (4, b"JXL ", "a JPEG XL picture: save it as JPEG or PNG"),
    (4, b"ftypavif", "an AVIF picture"),
    (4, b"ftypcrx", "a camera's raw picture (CR3): develop it and save it as JPEG or PNG"),
    *((4, b"ftyp" + brand, "a HEIC picture: save it as JPEG or PNG") for brand in (b"hei", b"hev", b"mif1", b"msf1")),
    (4, b"ftyp", "a film"),
    (0, b"\x1aE\xdf\xa3", "a film"),
    (8, b"AVI ", "a film"),
    (8, b"WEBP", "a WebP picture"),
    (0, b"FUJIFILMCCD-RAW", "a camera's raw picture (RAF): develop it and save it as JPEG or PNG"),
    (0, b"II\xbc\x01", "a JPEG XR picture: save it as JPEG or PNG"),
    (0, b"II*\x00", "a TIFF picture"),
    (0, b"MM\x00*", "a TIFF picture"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"\x89PNG", "a PNG picture"),
    (0, b"GIF8", "a GIF picture"),
]
# Number of first bytes that suffice to tell what a file is.
ENOUGH = 512


def known(data: bytes) -> str | None:
    """Name the kind of file that begins with these bytes, with its article; None where it is not known.

    >>> known(b"<!DOCTYPE html><html>"), known(b"Rar!\\x1a\\x07\\x01\\x00"), known(b"\\x08\\x07")
    ('a web page', 'a RAR archive', None)
    """
    if not data:
        return "an empty file"
    start = data.removeprefix(codecs.BOM_UTF8).lstrip()[:64].lower()
    for beginning, what in TEXTS.items():
        if start.startswith(beginning):
            return what
    return next((what for at, magic, what in BYTES if data[at : at + len(magic)] == magic), None)


def readable(data: bytes) -> str:
    """Return the first line if the bytes are text, else an empty string."""
    try:
        text = codecs.utf_8_decode(data)[0].strip()  # not final: the last letter may be cut in two
    except UnicodeDecodeError:
        return ""
    return text.splitlines()[0] if text and "".join(text.split()).isprintable() else ""


def beginning(path: Path, size: int = ENOUGH) -> bytes:
    """Read the first bytes of a file."""
    with open(path, "rb") as file:
        return file.read(size)


def instead(path: Path) -> str:
    """Say what a file is, for messages: "it is a web page"; an empty string where that is not known."""
    data = beginning(path)
    what = known(data)
    if what is None and (line := readable(data)):
        what = f"text, which begins {line[:24]!r}"
    return f"it is {what}" if what else ""
