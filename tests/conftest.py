"""What all tests share."""

from __future__ import annotations

import contextlib
import signal
from typing import Any

import pytest

# A shell that starts a job in the background has it ignore Ctrl-C, and whatever the job starts would inherit that: but
# the tests of interruption send Ctrl-C to the processes that they start.
with contextlib.suppress(ValueError):  # not the main thread
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What is run as one by one worker of pytest-xdist, and before all else: these tests stand on fixtures that take a
# minute to make, and on one cluster. (xdist's own groups have no effect with this pytest: they set Item._nodeid.)
TOGETHER = ("tests/workflow/slurm/", "tests/workflow/test_agreement.py", "tests/workflow/")


def _scope(nodeid: str) -> str:
    return next((place for place in TOGETHER if nodeid.startswith(place)), nodeid.split("::")[0])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first."""
    order = {place: turn for turn, place in enumerate(TOGETHER)}
    items.sort(key=lambda item: order.get(_scope(item.nodeid), len(order)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Any:
    """A worker for each of these places, a file at a time for the others."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFixtures(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _scope(nodeid)

    return ByFixtures(config, log)
