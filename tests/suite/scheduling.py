"""How the workers of pytest-xdist share the tests: the longest start first, and expensive folders are made once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.programs import find

# The tests below SLURM share a cluster. The files of ONE_PIECE go to one worker, all other files to another one. The
# two pieces take about the same time; each starts a cluster of its own.
SLURM = "tests/workflow/slurm/"
ONE_PIECE = (f"{SLURM}test_study.py", f"{SLURM}test_cluster.py")
# Each other test below ANY_WORKER may go to any worker: the folders that they share are made only once (see `once`).
ANY_WORKER = "tests/workflow/"
# These files start first, because they take longest; all other files follow in the order of their names.
FIRST = (
    *(f"{SLURM}test_faults.py", SLURM, f"{ANY_WORKER}test_own_portraits.py", f"{ANY_WORKER}test_agreement.py"),
    *(ANY_WORKER, "tests/studies/", "tests/training/test_processes.py", "tests/test_train.py", "tests/training/"),
)
# The tests of such a file stay on one worker: they share a study that only this file uses.
WHOLE = (f"{ANY_WORKER}test_own_portraits.py",)
MEMORY = 2 << 30
"""Bytes that a worker may need: torch, and the small networks of the tests."""


def once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder that one worker fills and that all workers of this run share; it must not be changed afterwards.

    Args:
        tmp_path_factory: pytest's factory of this worker.
        name: the name of the folder, the same in all workers.
        make: fills the folder, which exists and is empty. Other workers wait until it returns. If it fails, the next
            worker that needs the folder tries again with a new one.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    with FileLock(shared / f"{name}.lock"):
        made = shared / f"{name}.made"
        if not made.exists():
            folder = shared / f"{name}-{len(list(shared.glob(f'{name}-*')))}"
            folder.mkdir()
            make(folder)
            made.write_text(folder.name)
        return shared / made.read_text()


def scope(nodeid: str) -> str:
    """Return the name of the piece of a test: all tests of a piece run on one worker, one after another."""
    file = nodeid.split("::")[0]
    if file.startswith(SLURM):
        return SLURM if file in ONE_PIECE else f"{SLURM} (others)"
    return file if not file.startswith(ANY_WORKER) or file in WHOLE else nodeid


def turn(nodeid: str) -> int:
    """Return a key that sorts the tests: a smaller one starts earlier."""
    return next((n for n, place in enumerate(FIRST) if nodeid.startswith(place)), len(FIRST))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests, the longest first."""
    items.sort(key=lambda item: turn(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return the number of workers: about one for each core, but no more than fit in memory.

    With `-n logical`, for tests that wait for nothing, it is one for each core. With `-n auto`, there are two more if a
    cluster can be started, since its tests mostly wait, and otherwise one more.
    """
    import joblib
    import psutil

    more = 0 if config.option.numprocesses == "logical" else 2 if find("slurmctld") else 1
    return max(1, min(joblib.cpu_count() + more, psutil.virtual_memory().available // MEMORY))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Distribute the pieces in our order; xdist's default starts with the piece that has most tests."""
    from xdist.scheduler import LoadScopeScheduling

    class ByScope(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return scope(nodeid)

    config.option.loadscopereorder = False
    return ByScope(config, log)
