"""Programs that some tests run for real, and the Debian package of each.

A test is marked `@needs("sshd")`, and is skipped with one short reason if the program is absent. Tests look up programs
only here, so that one environment variable shows what the suite does on a machine without any of them:

    SITTER_TESTS_NO_SERVICES=1 python -m pytest

    python -m tests.programs        prints the Debian packages that are missing on this machine
"""

from __future__ import annotations

import os
import shutil
import sysconfig
from pathlib import Path

import pytest

PACKAGES = {
    "chromium": "chromium",
    "g++": "g++",
    "mariadb-install-db": "mariadb-server",
    "mariadbd": "mariadb-server",
    "munged": "munge",
    "Python.h": "python3-dev",
    "slurmctld": "slurm-wlm",
    "slurmd": "slurm-wlm",
    "slurmdbd": "slurmdbd",
    "ssh-keygen": "openssh-client",
    "sshd": "openssh-server",
} | dict.fromkeys(
    ("sacct", "sacctmgr", "salloc", "sbatch", "scancel", "scontrol", "sinfo", "squeue", "srun", "sstat"), "slurm-wlm"
)
OTHER_NAMES = {"chromium": ("chromium-browser", "google-chrome")}
NO_SERVICES = "SITTER_TESTS_NO_SERVICES"
"""When this environment variable is set and not empty, all programs of `PACKAGES` count as absent."""
# Debian keeps daemons in folders that are not on the PATH of every user.
SEARCH_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def find(program: str, path: str = SEARCH_PATH) -> str | None:
    """Return the absolute path of a program of `PACKAGES`; None if it is absent.

    Args:
        program: the name of the program, a key of `PACKAGES`.
        path: folders to search, separated by colons.
    """
    if program not in PACKAGES:
        raise KeyError(f"{program} is not in tests/programs.py: add it with its Debian package")
    if os.environ.get(NO_SERVICES):
        return None
    if program.endswith(".h"):  # a header of the Python that runs the tests
        header = Path(sysconfig.get_path("include")) / program
        return str(header) if header.is_file() else None
    return next(filter(None, (shutil.which(name, path=path) for name in names(program))), None)


def names(program: str) -> tuple[str, ...]:
    """Return the names under which a program of `PACKAGES` may be installed."""
    return (program, *OTHER_NAMES.get(program, ()))


def absent(*programs: str, path: str = SEARCH_PATH) -> str:
    """Return a text that names absent programs, one for each package, and how to install them; "" if none is absent."""
    example: dict[str, str] = {}
    for program in programs:
        if find(program, path) is None:
            example.setdefault(PACKAGES[program], program)
    return f"needs {', '.join(example.values())}: apt install {' '.join(example)}" if example else ""


def needs(*programs: str) -> pytest.MarkDecorator:
    """Mark a test, class or module that is skipped if one of the programs is absent."""
    reason = absent(*programs)
    return pytest.mark.skipif(bool(reason), reason=reason or f"needs {', '.join(programs)}")


def is_need(mark: pytest.Mark) -> bool:
    """Whether `needs` made a mark `skipif`; it does not matter whether the program is installed."""
    words, _, first = str(mark.kwargs.get("reason")).partition(":")[0].partition(" ")
    return words == "needs" and first.split(", ")[0] in PACKAGES


if __name__ == "__main__":
    print(*sorted({package for program, package in PACKAGES.items() if find(program) is None}))
