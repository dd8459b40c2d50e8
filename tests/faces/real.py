"""Real photographs, detector weights, and a project's folders to put them in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import skimage.data
from PIL import Image

from pipeline import params
from pipeline.core.files import write_manifest
from pipeline.core.layout import Layout
from pipeline.stages import download

PROJECT = Path(__file__).parents[2]
SHARED = PROJECT / "../shared"


def photograph() -> Image.Image:
    """512×512, RGB, one face (scikit-image's astronaut)."""
    return Image.fromarray(skimage.data.astronaut())


def no_face() -> Image.Image:
    """600×400, RGB, a cup of coffee."""
    return Image.fromarray(skimage.data.coffee())


def shared(*parts: str) -> Path:
    """A file or folder beside the project; skips the test where it is not there."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"needs ../shared/{'/'.join(parts)}, which is not part of the project")
    return path


def install_scrfd(at: Layout) -> str:
    """SCRFD-500M as the entry `scrfd` of the working folder; returns the entry's name."""
    source = shared("weights", "scrfd_500m.onnx")
    folder = at.raw("scrfd")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, folder)
    write_manifest(folder)
    return "scrfd"


def download_demo(at: Layout, entry: str) -> str:
    """An entry of the demo study, fetched into the working folder; returns its name."""
    download.run(params.load(PROJECT / "params.yaml"), entry, at.root)
    return entry
