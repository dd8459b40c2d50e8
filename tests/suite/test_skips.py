"""A run with a list of allowed skips fails at every other skip, in a test, a fixture or a module."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.suite.environment import environment

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.slow

TESTS = """
import pytest

@pytest.fixture
def absent():
    pytest.skip("needs sshd")

@pytest.mark.skipif(True, reason="needs a GPU")
def test_one(): pass

def test_two(absent): pass

def test_three(): pytest.xfail("known")
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Return a function that runs pytest on a module with a list of allowed skips: exit status and output."""
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    pytester.makeconftest('pytest_plugins = ["tests.suite.skips"]')

    def run(tests: str, allowed: str, *options: str) -> tuple[int, str]:
        pytester.makepyfile(tests)
        (pytester.path / "allowed").write_text(allowed)
        options += ("-p", "no:cacheprovider", "-p", "no:hydra_pytest", "-p", "no:anyio")
        done = pytester.runpytest_subprocess("--allowed-skips", "allowed", *options)
        return int(done.ret), str(done.stdout)

    return run


@pytest.mark.parametrize("options", [("-n", "0"), ("-n", "2")])
def test_a_skip_that_is_not_on_the_list_fails_the_run_and_is_named(run, options: tuple[str, ...]) -> None:
    status, said = run(TESTS, "# a list\n\nneeds a GPU\n", *options)
    assert status == 1
    named = said.partition("not on the list")[2]
    assert "::test_two: needs sshd" in named
    assert "test_one" not in named.partition("short test summary")[0]


def test_skips_on_the_list_pass(run) -> None:
    assert run(TESTS, "needs a GPU\nneeds [a-z]+\n", "-n", "0")[0] == 0


def test_a_reason_has_to_match_whole(run) -> None:
    assert run(TESTS, "needs a GPU\nneeds ss\n", "-n", "0")[0] == 1


@pytest.mark.parametrize("options", [("-n", "0"), ("-n", "2")])
def test_a_module_that_is_skipped_whole_counts_too(run, options: tuple[str, ...]) -> None:
    module = "import pytest\npytest.importorskip('no_such_module')\ndef test_one(): pass\n"
    other = "\ndef test_other(): pass\n"
    Path("test_other.py").write_text(other)
    status, said = run(module, "needs a GPU\n", *options)
    assert status == 1
    assert "could not import 'no_such_module'" in said.partition("not on the list")[2]
