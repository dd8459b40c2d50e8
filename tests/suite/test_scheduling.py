"""Each piece of the suite runs on one worker, and expensive folders are made once for all workers."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from tests.suite.scheduling import once, scope, turn


class Factory:
    """The part of a worker's `tmp_path_factory` that `once` uses."""

    def __init__(self, run: Path, worker: str) -> None:
        self.base = run / worker
        self.base.mkdir(parents=True)

    def getbasetemp(self) -> Path:
        """Return the worker's own folder."""
        return self.base


def test_workers_that_want_the_same_at_once_get_one_folder_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    made, found = [], []

    def make(folder: Path) -> None:
        made.append(folder)
        time.sleep(0.2)
        (folder / "study").write_text("whole")

    def worker(number: int) -> None:
        folder = once(Factory(tmp_path, f"gw{number}"), "study", make)  # type: ignore[arg-type]
        found.append((folder, (folder / "study").read_text()))

    threads = [threading.Thread(target=worker, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [(made[0], "whole")] * 4
    assert len(made) == 1


def test_what_failed_half_way_is_made_anew_in_another_folder(tmp_path: Path) -> None:
    factory = Factory(tmp_path, "gw0")

    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError

    with pytest.raises(OSError):
        once(factory, "study", fail)  # type: ignore[arg-type]
    folder = once(factory, "study", lambda folder: (folder / "whole").touch())  # type: ignore[arg-type]
    assert [path.name for path in folder.iterdir()] == ["whole"]


def test_tests_on_one_cluster_stay_together_and_those_on_copies_of_a_study_do_not() -> None:
    slurm, agreement, file = (
        "tests/workflow/slurm/test_",
        "tests/workflow/test_agreement.py::test_",
        "tests/test_cli.py",
    )
    assert scope(f"{slurm}faults.py::test_a") == scope(f"{slurm}restarts.py::test_b") != scope(f"{slurm}study.py::test")
    assert scope(f"{slurm}cluster.py::test_a") == scope(f"{slurm}study.py::test_b")
    assert scope(f"{agreement}a[dvc]") != scope(f"{agreement}a[snakemake]")
    own = "tests/workflow/test_own_portraits.py::test_"
    assert scope(f"{own}a") == scope(f"{own}b")
    assert scope(f"{file}::test_a") == scope(f"{file}::test_b") != scope("tests/test_align.py::test_a")


def test_the_longest_chains_come_first() -> None:
    order = [
        "tests/workflow/slurm/test_faults.py::test",
        "tests/workflow/slurm/test_study.py::test",
        "tests/workflow/test_agreement.py::test",
        "tests/studies/test_shrunk.py::test",
        "tests/test_cli.py::test",
    ]
    assert sorted(set(order), key=turn) == order
