"""The faces of the shrunk studies, prepared once for all workers, and studies run on them in this process."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from pipeline import params
from pipeline.plan.stages import jobs
from studies.shrunk import prepare
from tests.suite.scheduling import once

PROJECT = Path(__file__).parents[2]
SHRUNK = PROJECT / "studies/shrunk"


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `studies/shrunk/prepare.py` makes, of four photographs of each sitter and one painting of each."""

    def make(folder: Path) -> None:
        faces = params.read(SHRUNK / "faces.yaml")
        faces["download"]["photographs"]["pattern"] = "[1-4].pgm"
        faces["render"]["paintings"]["renderings"] = 1
        with one_core():
            prepare.make(params.check(faces, files=[SHRUNK / "faces.yaml"]), folder / "data")

    return once(tmp_path_factory, "shrunk", make) / "data"


def run(study: params.Study, folder: Path, data: Path) -> None:
    """Run every stage of a study in a folder that finds the prepared faces where the study looks for them."""
    (folder / "studies/shrunk").mkdir(parents=True)
    (folder / "studies/shrunk/data").symlink_to(data)
    with one_core():
        for job in jobs(study, folder):
            importlib.import_module(f"pipeline.stages.{job.stage}").run(study, *job.names, root=folder)


@contextmanager
def one_core() -> Iterator[None]:
    """Compute on one core."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
