"""The file behind an option named `weights`: what the download stage fetched for that entry."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from pipeline.core.errors import SitterError
from pipeline.formats.onnx_files import companions
from pipeline.plan import layout
from pipeline.plan.layout import Layout

WithWeights = TypeVar("WithWeights", bound=BaseModel)

# What download writes beside the file itself.
ACCOUNT = {layout.MANIFEST, "source.json"}


def located_weights(options: WithWeights, at: Layout) -> WithWeights:
    """Return options whose weights are found from any working directory: the entry's folder in place of its name."""
    name = getattr(options, "weights", None)
    return options if name is None else options.model_copy(update={"weights": str(at.raw(name).absolute())})


def weights_file(name: str) -> Path:
    """The one file of `data/raw/<name>/`, the entry `name` of section `download`; an ONNX file may have companions.

    Args:
        name: of the entry, or the entry's folder as an absolute path (see `located_weights`).

    Raises:
        SitterError: nothing was downloaded under that name, or the entry holds images or several files.
    """
    folder = layout.raw(name)  # an absolute path stays what it is
    name = folder.name
    if not (folder / layout.MANIFEST).is_file():
        raise SitterError(f"{folder} holds no weights yet: run `python -m pipeline download {name}` first.")
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in ACCOUNT)
    if len(files) > 1:  # an ONNX network, and its external data
        for file in files:
            if {file, *companions(file)} == set(files):
                return file
    if len(files) != 1:
        found = ", ".join(p.name for p in files[:3]) + (" …" if len(files) > 3 else "")
        raise SitterError(
            f"{folder} should hold one file of weights, but holds {len(files)} ({found or 'nothing'}): is "
            f"download.{name} a data set of images? Name an entry with `contents: file` or `python-literal`."
        )
    return files[0]
