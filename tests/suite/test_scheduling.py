"""Pieces of the suite run whole on one worker, and what is expensive is made once for all workers."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from tests.suite.scheduling import once, scope, turn


class Factory:
    """The part of pytest's `tmp_path_factory` that `once` uses, of one worker of a run."""

    def __init__(self, run: Path, worker: str) -> None:
        self.base = run / worker
        self.base.mkdir(parents=True)

    def getbasetemp(self) -> Path:
        """The worker's own folder."""
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
    cluster, agreement, study, file = (
        "tests/workflow/slurm/test_cluster.py::test_a",
        "tests/workflow/test_agreement.py::test_b[dvc]",
        "tests/studies/test_shrunk.py::test_c",
        "tests/test_cli.py::test_d",
    )
    assert scope(cluster) == scope("tests/workflow/slurm/test_study.py::test_e")
    assert scope(agreement) != scope("tests/workflow/test_agreement.py::test_b[snakemake]")
    assert scope(file) == scope("tests/test_cli.py::test_f") != scope(study)
    assert sorted([file, study, agreement, cluster], key=turn) == [cluster, agreement, study, file]
