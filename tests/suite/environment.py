"""The environment of processes that tests start."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def environment(*first: Path, **more: object) -> dict[str, str]:
    """Return the caller's environment, in which Python also finds the project.

    Args:
        first: folders with modules that come before the project's.
        more: further variables.
    """
    folders = [*map(str, first), str(PROJECT), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, folders)), **{k: str(v) for k, v in more.items()}}
