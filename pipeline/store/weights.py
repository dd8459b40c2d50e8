"""The file behind an option named `weights`: what the download stage fetched for that entry."""

from __future__ import annotations

from pathlib import Path

from pipeline.core.errors import SitterError
from pipeline.formats.companions import companions
from pipeline.plan import layout

# What download writes beside the file itself.
ACCOUNT = {layout.MANIFEST, "source.json"}


def weights_file(name: str) -> Path:
    """The one file of `data/raw/<name>/`, the entry `name` of section `download`; an ONNX file may have companions.

    Raises:
        SitterError: nothing was downloaded under that name, or the entry holds images or several files.
    """
    folder = layout.raw(name)
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
