"""How the workers of pytest-xdist share the tests: the longest chains first, and what is expensive made once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.programs import find

# Where tests share a cluster, these go to one worker in one piece, and all others of that place to another one. The two
# pieces take about as long; each starts a cluster of its own.
SLURM = "tests/workflow/slurm/"
ONE_PIECE = (f"{SLURM}test_study.py", f"{SLURM}test_cluster.py")
# Elsewhere below this place each test may go to another worker: what they share is made once for all (see `once`).
ANY_WORKER = "tests/workflow/"
# What starts first, because it takes longest; all other files follow in the order of their names.
FIRST = (
    *(f"{SLURM}test_faults.py", SLURM, f"{ANY_WORKER}test_own_portraits.py", f"{ANY_WORKER}test_agreement.py"),
    *(ANY_WORKER, "tests/studies/", "tests/training/test_processes.py", "tests/test_train.py", "tests/training/"),
)
# Their tests share a study that is made for the file alone.
WHOLE = (f"{ANY_WORKER}test_own_portraits.py",)
MEMORY = 2 << 30
"""Bytes that a worker may need: torch, and the small networks of the tests."""


def once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder that one worker fills and that all workers of this run share; it must not be changed afterwards.

    Args:
        tmp_path_factory: of the worker.
        name: of the folder, the same in all workers.
        make: fills the folder, which exists and is empty. Other workers wait for its end. Where it fails, the next
            worker that wants the folder tries again, in a new one.
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
    """Name the piece of the suite that a test belongs to: tests of one piece run on one worker, one after another."""
    file = nodeid.split("::")[0]
    if file.startswith(SLURM):
        return SLURM if file in ONE_PIECE else f"{SLURM} (others)"
    return file if not file.startswith(ANY_WORKER) or file in WHOLE else nodeid


def turn(nodeid: str) -> int:
    """Return the place of a test in the order of the suite."""
    return next((n for n, place in enumerate(FIRST) if nodeid.startswith(place)), len(FIRST))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest first."""
    items.sort(key=lambda item: turn(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return the number of workers: one for each core, and where tests wait for others more; fewer in little memory.

    With `-n logical`, for tests that wait for nothing, there is one for each core. With `-n auto` there are two more
    where a cluster can be started, since its tests mostly wait, and one more elsewhere.
    """
    import joblib
    import psutil

    more = 0 if config.option.numprocesses == "logical" else 2 if find("slurmctld") else 1
    return max(1, min(joblib.cpu_count() + more, psutil.virtual_memory().available // MEMORY))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Distribute the pieces in the order of the suite, and not the one with most tests first."""
    from xdist.scheduler import LoadScopeScheduling

    class ByScope(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return scope(nodeid)

    config.option.loadscopereorder = False
    return ByScope(config, log)
