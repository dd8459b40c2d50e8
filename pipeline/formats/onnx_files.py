"""The files of external data that an ONNX network names by relative paths.

`torch.onnx.export` writes `face.onnx` and `face.onnx.data` from PyTorch 2.9 on. This module finds the names in the
fields of the protobuf without the library onnx, since Snakemake asks for them at every start; it skips weights inside
the file unread.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pipeline.core.errors import SitterError

# Numbers of the fields of onnx.proto that lead to tensors, by message: field → message.
FIELDS = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
DEEPEST = 64


def external_data(file: Path) -> list[str]:
    """Return the paths of external data that an ONNX file names, each once; an empty list where it is no ONNX file.

    Raises:
        SitterError: one of them lies outside of the file's folder.
    """
    names: dict[str, None] = {}
    try:
        with open(file, "rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
            _collect(data, 0, len(data), "model", names)
    except (ValueError, IndexError, UnicodeDecodeError):  # no whole ONNX file: loading it will say so
        pass
    for name in names:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.parts or "\\" in name:
            raise SitterError(f"{file} is refused: it keeps weights in {name!r}, outside of its folder.")
    return list(names)


def _collect(data: mmap.mmap, at: int, end: int, message: str, names: dict[str, None], depth: int = 0) -> None:
    """Add the locations of external data in the message between two bytes to `names`."""
    if depth > DEEPEST:
        raise ValueError("nested too deeply")
    inner = FIELDS[message]
    for field, start, stop in _fields(data, at, end):
        kind = inner.get(field)
        if kind == "entry":
            parts = {part: data[first:last] for part, first, last in _fields(data, start, stop)}
            if parts.get(1) == b"location":
                names[parts.get(2, b"").decode("utf-8")] = None
        elif kind is not None:
            _collect(data, start, stop, kind, names, depth + 1)


def _fields(data: mmap.mmap, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield number, start and end of each field of a message that has a length; skip all others.

    Raises:
        ValueError: this is no protobuf. IndexError: it was cut off.
    """
    while at < end:
        key, at = _varint(data, at)
        wire = key & 7
        if wire == 0:
            _, at = _varint(data, at)
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        elif wire == 2:
            size, at = _varint(data, at)
            if at + size > end:
                raise ValueError("a field goes on beyond its message")
            yield key >> 3, at, at + size
            at += size
        else:
            raise ValueError(f"wire type {wire}")


def _varint(data: mmap.mmap, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError("a number of more than 64 bits")
