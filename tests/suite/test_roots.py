"""Tests give the root of a project to what they test, and do not work in it."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).parents[1]
# Tests of the command line, of what hostile files leave in the working directory, and of code of Snakemake and DVC.
IN_THE_WORKING_DIRECTORY = {
    *(f"answering/test_{name}.py" for name in ("commands", "default", "docs", "gallery")),
    *(f"sources/test_{name}.py" for name in ("hostile_archives", "package", "recipes", "verification_bin")),
    *(f"workflow/test_{name}.py" for name in ("dvc_yaml", "watch")),
    *(f"workflow/slurm/test_{name}.py" for name in ("attempts", "states")),
    *("test_missing.py", "test_show.py", "training/forks.py"),
}


def test_only_tests_of_the_working_directory_change_it() -> None:
    changing = {
        file.relative_to(TESTS).as_posix() for file in TESTS.rglob("*.py") if ".chdir" + "(" in file.read_text()
    }
    assert changing == IN_THE_WORKING_DIRECTORY
