"""The record of an exported model, `model.json` in a folder of the user's choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core.files import MANIFEST
from pipeline.core.json_records import read_object, unwritten, write_object
from pipeline.store.models import RECORD


@dataclass(frozen=True)
class ExportedInput:
    """An input of an exported model: pixels of aligned faces."""

    name: str
    size: int
    landmarks: Sequence[tuple[float, float]]
    """Where the five landmarks lie in it: x, y."""


@dataclass(frozen=True)
class Checked:
    """The comparison of an export with the model itself."""

    faces: int
    """Number of faces."""
    of: str
    """The names of the data sets with these faces."""
    least_cosine: float
    """The lowest cosine between the two vectors of a face."""


@dataclass(frozen=True, kw_only=True)
class ExportRecord:
    """What an export is, and how it is used."""

    name: str
    """The name of the model in its study."""
    form: str
    """`onnx`, or `folder` for weights with a Python file."""
    inputs: Sequence[ExportedInput]
    pixels: str = "float32 [n, 3, size, size], RGB, 0 … 255"
    dim: int
    mirrored: Sequence[str]
    """The networks within the model that add the vector of the mirrored image."""
    score: str = "dot product"
    score_norm: Mapping[str, Any] | None
    """The options of the study's score normalisation, which is no part of the export."""
    key: str
    """The fingerprint of the model."""
    checked: Checked | None = unwritten()
    """None while the export is being made."""


def is_export(folder: Path) -> bool:
    """Whether a folder holds an exported model."""
    return (folder / RECORD).is_file() and (folder / MANIFEST).is_file()


def write_export(folder: Path, record: ExportRecord) -> None:
    """Write the record into an existing folder."""
    write_object(folder / RECORD, record)


def read_export(folder: Path) -> ExportRecord:
    """Read the record of an export.

    Raises:
        SitterError: it is absent or incomplete; the message names the file.
    """
    return read_object(folder / RECORD, ExportRecord)
