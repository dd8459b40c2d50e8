"""How the workers of pytest-xdist share the tests: the longest chains first, and what is expensive made once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import pytest
from filelock import FileLock

# The tests below each of these places go to one worker in one piece: they share a cluster.
ONE_WORKER = ("tests/workflow/slurm/",)
# In these files each test may go to another worker: what their tests share is made once for all workers (see `once`).
ANY_WORKER = ("tests/workflow/",)
# What starts first, because it takes longest; all other files follow in the order of their names.
FIRST = (*ONE_WORKER, "tests/workflow/test_agreement.py", "tests/workflow/", "tests/studies/", "tests/training/")


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
    for place in ONE_WORKER:
        if nodeid.startswith(place):
            return place
    return nodeid if nodeid.startswith(ANY_WORKER) else nodeid.split("::")[0]


def turn(nodeid: str) -> int:
    """Return the place of a test in the order of the suite."""
    return next((n for n, place in enumerate(FIRST) if nodeid.startswith(place)), len(FIRST))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest first."""
    items.sort(key=lambda item: turn(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Start one worker more than there are cores: the tests on a cluster mostly wait."""
    return int(joblib.cpu_count()) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Distribute the pieces in the order of the suite, and not the one with most tests first."""
    from xdist.scheduler import LoadScopeScheduling

    class ByScope(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return scope(nodeid)

    config.option.loadscopereorder = False
    return ByScope(config, log)
