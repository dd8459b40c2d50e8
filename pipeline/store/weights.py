"""The file behind an option named `weights`: the file that `download` fetched for that entry."""

from __future__ import annotations

from pathlib import Path

from pipeline.core.errors import SitterError
from pipeline.core.layout import MANIFEST, Layout
from pipeline.formats.companions import companions
from pipeline.store.raw import SOURCE

# Files that `download` writes beside the file itself.
ACCOUNT = {MANIFEST, SOURCE}


def weights_file(name: str, at: Layout) -> Path:
    """Return the one file of `data/raw/<name>/`, an entry of section `download`, without its companions.

    Raises:
        SitterError: as `weights_files` does.
    """
    return weights_files(name, at)[0]


def weights_files(name: str, at: Layout) -> list[Path]:
    """Return the one file of weights in `data/raw/<name>/`, and behind it its companions, such as ONNX's external data.

    Raises:
        SitterError: nothing was downloaded under that name, or the entry holds images or several files.
    """
    folder = at.raw(name)
    if not (folder / MANIFEST).is_file():
        raise SitterError(f"{folder} holds no weights yet: run `python -m pipeline download {name}` first.")
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in ACCOUNT)
    if len(files) > 1:  # an ONNX network, and its external data
        for file in files:
            if {file, *(beside := companions(file))} == set(files):
                return [file, *beside]
    if len(files) != 1:
        found = ", ".join(p.name for p in files[:3]) + (" …" if len(files) > 3 else "")
        raise SitterError(
            f"{folder} should hold one file of weights, but holds {len(files)} ({found or 'nothing'}): is "
            f"download.{name} a data set of images? Name an entry with `contents: file` or `python-literal`."
        )
    return [files[0], *companions(files[0])]
