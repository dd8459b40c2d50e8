"""A project with generated faces, and one thread, so that numbers are the same on every machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from pipeline.core.layout import Layout
from tests.training.study import make_faces


@pytest.fixture
def project(at: Layout, tmp_path: Path, device: str) -> Iterator[Path]:
    """Return a project with the data set `tiny`; trainings in it run on `device`."""
    make_faces(at)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield tmp_path
    torch.set_num_threads(threads)
