"""What all tests share."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest

# A process of the suite computes with one thread, and so do the processes that it starts: the workers of pytest-xdist
# already use all cores. This has to stand before the first import of NumPy or torch.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")

# A shell that starts a job in the background has it ignore Ctrl-C, and whatever the job starts would inherit that: but
# the tests of interruption send Ctrl-C to the processes that they start.
with contextlib.suppress(ValueError):  # not the main thread
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What pytest makes of the tests' asserts is kept, also where PYTHONDONTWRITEBYTECODE is set: it takes a worker seconds.
sys.dont_write_bytecode = False

from pipeline.plan.layout import Layout  # noqa: E402

SUITE = ("classes", "devices", "doctests", "messages", "scheduling", "skips")
pytest_plugins = [f"tests.suite.{name}" for name in SUITE]


@pytest.fixture
def at(tmp_path: Path) -> Layout:
    """An empty project in a folder of its own; stages and readers are told of it, whatever the working directory is."""
    return Layout(tmp_path)
