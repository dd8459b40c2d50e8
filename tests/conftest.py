"""Settings and fixtures that all tests share."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest

# A process of the suite computes with one thread, and so do the processes that it starts: the workers of pytest-xdist
# already use all cores. These lines must come before the first import of NumPy or torch.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")

# A job that a shell starts in the background ignores Ctrl-C, and so do the processes that it starts. But the tests of
# interruption send Ctrl-C to the processes that they start.
with contextlib.suppress(ValueError):  # not the main thread
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Keep the test modules that pytest has compiled, even if PYTHONDONTWRITEBYTECODE is set: they take a worker seconds.
sys.dont_write_bytecode = False

from pipeline.core.layout import Layout  # noqa: E402

SUITE = ("classes", "devices", "doctests", "messages", "scheduling", "skips")
pytest_plugins = [f"tests.suite.{name}" for name in SUITE]


@pytest.fixture
def at(tmp_path: Path) -> Layout:
    """Return the layout of an empty project in a temporary folder, to be passed to stages and readers."""
    return Layout(tmp_path)
