"""What the other tests need is looked up in one place, and what is absent is named with its Debian package."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import programs
from tests.programs import absent, find, needs

TESTS = Path(__file__).parent


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The only folder that is searched; it has an sshd and a browser of another name."""
    monkeypatch.delenv(programs.NO_SERVICES, raising=False)
    for name in ("sshd", "google-chrome"):
        (tmp_path / name).touch(mode=0o755)
    return str(tmp_path)


def test_a_program_is_found_under_each_of_its_names(folder: str) -> None:
    assert find("sshd", folder) == f"{folder}/sshd"
    assert find("chromium", folder) == f"{folder}/google-chrome"
    assert absent("sshd", "chromium", path=folder) == ""


def test_the_reason_names_one_program_of_each_package_that_is_absent(folder: str) -> None:
    reason = absent("sshd", "munged", "slurmctld", "slurmd", "sbatch", path=folder)
    assert reason == "needs munged, slurmctld: apt install munge slurm-wlm"


def test_one_variable_makes_all_programs_absent(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(programs.NO_SERVICES, "1")
    assert find("sshd", folder) is None
    assert needs("sshd").args == (True,)
    assert needs("sshd").kwargs == {"reason": "needs sshd: apt install openssh-server"}
    monkeypatch.setenv(programs.NO_SERVICES, "")
    assert find("sshd", folder)


def test_a_program_without_a_package_is_refused(folder: str) -> None:
    with pytest.raises(KeyError, match="Debian package"):
        find("emacs", folder)


def test_no_other_test_looks_a_listed_program_up_by_itself() -> None:
    listed = "|".join(map(re.escape, programs.PACKAGES))
    by_itself = re.compile(rf"which\(\s*[\"'](?:{listed})[\"']|/usr/sbin/\w")
    found = [str(file) for file in TESTS.rglob("*.py") if file != Path(__file__) and by_itself.search(file.read_text())]
    assert found == []


@pytest.mark.parametrize("absent", ["", "1"])
def test_a_need_is_known_as_such_whether_or_not_the_program_is_there(
    folder: str, monkeypatch: pytest.MonkeyPatch, absent: str
) -> None:
    monkeypatch.setenv(programs.NO_SERVICES, absent)
    assert programs.is_need(needs("sshd", "munged").mark)
    assert programs.is_need(needs("Python.h").mark)
    for reason in ("needs a GPU", "needs ../shared/FACTS.md, which is not part of the project"):
        assert not programs.is_need(pytest.mark.skipif(True, reason=reason).mark)
    assert not programs.is_need(pytest.mark.skipif("sys.platform == 'win32'").mark)
