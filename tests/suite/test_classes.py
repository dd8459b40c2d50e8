"""The guard of the test classes works: most tests here have no class, so they must not do what classes allow."""

from __future__ import annotations

import importlib
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.error import URLError

import pytest

from pipeline.training.loop import Run
from tests import programs
from tests.suite.classes import FIXTURES, without_services

ELSEWHERE = "192.0.2.1"  # an address for documentation (RFC 5737), which no machine has


def test_without_the_mark_network_no_other_machine_is_reached() -> None:
    with socket.socket() as one, pytest.raises(AssertionError, match=f"{ELSEWHERE}: mark it `network`"):
        one.connect((ELSEWHERE, 80))
    with pytest.raises(URLError, match="refused"):
        urllib.request.urlopen(f"http://{ELSEWHERE}/", timeout=5)


def test_without_the_mark_network_a_process_fetches_no_package(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--no-cache-dir",
        "--dest",
        tmp_path,
        "six==1.17.0",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0
    assert "No matching distribution" in done.stderr


def test_without_the_mark_network_downloads_of_earlier_runs_are_not_found() -> None:
    from pipeline.sources.cache import cache

    assert not list(cache().rglob("*"))


def test_this_machine_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()


def test_without_the_mark_service_no_program_of_the_list_is_found() -> None:
    assert [name for name in programs.PACKAGES if shutil.which(name)] == []
    for needed in ("git", "sh", "python"):
        assert shutil.which(needed)


@pytest.mark.service
def test_with_the_mark_service_those_that_are_installed_are_found() -> None:
    there = {name for name in programs.PACKAGES if programs.find(name) and not name.endswith(".h")}
    assert {name for name in there if shutil.which(name, path=programs.SEARCH_PATH)} == there


def test_without_the_mark_training_no_network_is_trained() -> None:
    with pytest.raises(AssertionError, match="mark it `training`"):
        Run.fit(None, Path(), "key", None)  # type: ignore[arg-type]


def test_a_search_path_without_services_has_all_else(tmp_path: Path) -> None:
    one, other, absent = tmp_path / "one", tmp_path / "other", tmp_path / "absent"
    for folder, names in ((one, ("sshd", "ls", "google-chrome")), (other, ("cat",))):
        folder.mkdir()
        for name in names:
            (folder / name).touch(mode=0o755)
    path = without_services(tmp_path / "links", f"{one}:{other}:{absent}")
    assert path.split(":")[1:] == [str(other), str(absent)]
    assert [name for name in ("sshd", "google-chrome", "ls", "cat") if shutil.which(name, path=path)] == ["ls", "cat"]
    assert without_services(tmp_path / "links", f"{one}:{other}:{absent}") == path


@pytest.mark.parametrize("name", FIXTURES)
def test_the_fixtures_that_put_tests_into_classes_exist(name: str) -> None:
    module, _, fixture = name.rpartition(".")
    assert callable(getattr(importlib.import_module(module), fixture))


def test_a_test_belongs_to_the_classes_of_its_fixtures(request: pytest.FixtureRequest) -> None:
    for item in request.session.items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if item.nodeid.startswith("tests/workflow/") and "cluster" in fixtures:
            assert item.get_closest_marker("service"), item.nodeid
        if item.nodeid.startswith("tests/workflow/") and "workplace" in fixtures:
            assert item.get_closest_marker("training"), item.nodeid
