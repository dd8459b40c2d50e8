"""Reads a pickle that holds bytes, numbers, lists, tuples and NumPy arrays of these, and nothing else.

A pickle is a program, and loading one runs it. So its opcodes are checked before anything is loaded, the functions that
it may call are replaced by stand-ins of ours, and a file that names anything else is refused. No code of the file runs,
and of NumPy only `frombuffer` is called, on plain numbers with a checked count.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core.errors import SitterError
from pipeline.core.file_types import ENOUGH, known

NEEDED = (
    "PROTO FRAME STOP MARK NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 "
    "FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8 "
    "UNICODE BINUNICODE SHORT_BINUNICODE EMPTY_LIST LIST APPEND APPENDS "
    "EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 PUT BINPUT LONG_BINPUT MEMOIZE GET BINGET LONG_BINGET "
    "GLOBAL STACK_GLOBAL REDUCE BUILD"
)
OPCODES = frozenset(NEEDED.split())
PUTS = {"PUT", "BINPUT", "LONG_BINPUT"}
# Types of arrays that are encoded images, and types of plain numbers.
BYTES = {"u1", "|u1", "B", "i1", "|i1"}
NUMBERS = re.compile(r"[<>=|]?(b1|\?|[iu][1248]|f[248])")


class Refused(SitterError):
    """A pickle that holds anything else; none of it has run."""


class _Type:
    """Stands in for `numpy.dtype`: keeps its name."""

    def __init__(self, name: Any = "", *_: Any) -> None:
        self.name = name.decode("latin-1") if isinstance(name, bytes) else str(name)

    def __setstate__(self, state: Any) -> None:
        """Take the byte order; the rest does not matter for plain numbers."""
        if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">", b"<", b">"):
            order = state[1].decode() if isinstance(state[1], bytes) else state[1]
            self.name = order + self.name.lstrip("<>=|")


class _Array:
    """Stands in for `numpy.ndarray`: becomes bytes, or a list of numbers or of what the array holds."""

    content: Any = None

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise Refused("an array without version, shape, type, order and content")
        self.content = _values(state[1], state[2], state[4])


class _NotBuilt:
    """Stands in for classes that are only named."""


def _values(shape: Any, kind: Any, content: Any) -> bytes | list[Any]:
    """Return an array's content, which must be flat: at most one of its axes may be longer than 1."""
    if not isinstance(kind, _Type) or not isinstance(shape, tuple) or not all(isinstance(n, int) for n in shape):
        raise Refused(f"an array of shape {shape!r}")
    if sum(n != 1 for n in shape) > 1:
        raise Refused(f"an array of shape {shape!r}: only flat ones are expected")
    if kind.name.startswith(("O", "|O")) and isinstance(content, list):
        return content
    if isinstance(content, bytes | bytearray) and NUMBERS.fullmatch(kind.name):
        if kind.name in BYTES and len(content) == prod(shape):
            return bytes(content)
        if len(content) == prod(shape) * np.dtype(kind.name).itemsize:
            return list(np.frombuffer(bytes(content), kind.name).tolist())
    raise Refused(f"an array of type {kind.name!r} and shape {shape!r}: only bytes and booleans are expected")


def _reconstruct(*_: Any) -> _Array:
    return _Array()


def _scalar(kind: Any = None, content: Any = b"") -> Any:
    return _values((1,), kind, content)[0]


def _from_buffer(content: Any = b"", kind: Any = None, shape: Any = None, *_: Any) -> _Array:
    array = _Array()
    array.content = _values(shape, kind, content)
    return array


def _encode(text: Any = "", encoding: Any = "latin1") -> bytes:
    """Return bytes, which Python 3 writes for Python 2 in this way."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise Refused("a call of _codecs.encode for anything but latin-1")
    return text.encode("latin-1")


def _empty(*given: Any) -> bytes:
    """Return b"", which Python 3 writes for Python 2 in this way."""
    if given:
        raise Refused("a call of bytes with arguments")
    return b""


def _bytearray(content: Any = b"", encoding: Any = "latin-1") -> bytes:
    """Return a bytearray's content as protocols below 5 write it: from bytes or latin-1 text; never from a length."""
    if isinstance(content, str):
        return _encode(content, encoding.decode() if isinstance(encoding, bytes) else encoding)
    if not isinstance(content, bytes):
        raise Refused("a call of bytearray for anything but bytes")
    return content


GLOBALS: dict[tuple[str, str], Any] = {
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _empty,
    ("builtins", "bytes"): _empty,
    ("__builtin__", "bytearray"): _bytearray,
    ("builtins", "bytearray"): _bytearray,
    ("numpy", "ndarray"): _NotBuilt,
    ("numpy", "dtype"): _Type,
} | {
    (f"numpy.{core}.{module}", name): stand_in
    for core in ("core", "_core")
    for module, name, stand_in in (
        ("multiarray", "_reconstruct", _reconstruct),
        ("multiarray", "scalar", _scalar),
        ("numeric", "_frombuffer", _from_buffer),
    )
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in GLOBALS:
            raise Refused(f"{module}.{name}, which could run code")
        return GLOBALS[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise Refused("a persistent id")


def unpickle(path: Path) -> Any:
    """Return the content of a pickle of plain values; arrays become bytes or lists.

    Strings of Python 2 become bytes.

    Raises:
        Refused: it holds an opcode, a name or a call that such a pickle does not need; none of it has run.
        SitterError: the file is broken or no pickle.
    """
    content = path.read_bytes()
    try:
        _look_through(content)
        return _flat(_Unpickler(io.BytesIO(content), encoding="bytes").load())
    except Refused as reason:
        raise Refused(
            f"{path} is refused, and nothing in it was run: it holds {reason}. A verification set holds only encoded "
            "images and booleans: fetch it from its publisher."
        ) from None
    except OSError:
        raise
    except Exception as error:  # a broken pickle raises nearly anything
        if what := known(content[:ENOUGH]):
            raise SitterError(f"{path} is no verification set but {what}: fetch it again.") from None
        raise SitterError(f"{path} is no whole pickle ({error or type(error).__name__}): fetch it again.") from None


def _look_through(content: bytes) -> None:
    """Raise Refused at the first opcode or name that such a pickle does not need."""
    for number, (opcode, argument, position) in enumerate(pickletools.genops(content)):
        where = f"at byte {position:,}"
        if opcode.name not in OPCODES:
            raise Refused(f"the opcode {opcode.name} {where}")
        if opcode.name == "GLOBAL" and tuple(str(argument).split(" ", 1)) not in GLOBALS:
            raise Refused(f"the name {str(argument).replace(' ', '.')} {where}, which could run code")
        if opcode.name in PUTS and isinstance(argument, int) and argument > number:
            raise Refused(f"a memo numbered {argument:,} {where}, which could exhaust memory")


def _flat(value: Any) -> Any:
    """Return a value in which, down to two levels, stand-ins became their content and bytearrays bytes."""
    value = _plain(value)
    if isinstance(value, tuple | list) and len(value) == 2:
        parts = [_plain(part) for part in value]
        return tuple([_plain(item) for item in part] if isinstance(part, list | tuple) else part for part in parts)
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, _Array):
        return value.content
    return bytes(value) if isinstance(value, bytearray) else value
