"""Classes of tests, by which `make test-fast` chooses. A guard checks that every test keeps to its class.

    service   runs programs from Debian packages (tests/programs.py), or another server, for real
    network   fetches from the package registry
    training  trains a network, or uses a study with a trained network
    slow      takes more than a few seconds

A test belongs to a class by its mark or by its fixtures. A test outside a class cannot do what the class allows: it
finds none of the programs, it reaches no other machine and no downloads of earlier runs, and it cannot train.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import programs

# Fixtures, with the modules that define them. A test that uses one of them belongs to the class, whatever its marks.
FIXTURES = {
    "tests.faces.test_detectors.retinaface": "network",
    "tests.models.conftest.weights": "network",
    "tests.workflow.conftest.finished": "training",
    "tests.workflow.slurm.conftest.cluster": "service",
    "tests.workflow.slurm.conftest.cluster_without_accounting": "service",
    "tests.workflow.slurm.conftest.prepared": "training",
    "tests.workflow.test_remotes.s3_server": "service",
    "tests.workflow.test_remotes.ssh_server": "service",
}
NOWHERE = "http://127.0.0.1:9"
"""Nothing listens here: the proxy and the package index of tests that need no network."""


def classes(item: pytest.Item) -> set[str]:
    """Return the classes to which a test belongs by its fixtures and by the programs that it needs."""
    fixtures = item._fixtureinfo.name2fixturedefs if isinstance(item, pytest.Function) else {}
    functions = [definition.func for definitions in fixtures.values() for definition in definitions]
    found = {FIXTURES[name] for f in functions if (name := f"{f.__module__}.{f.__name__}") in FIXTURES}
    if any(programs.is_need(mark) for mark in item.iter_markers("skipif")):
        found.add("service")
    return found


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests before `-m` chooses among them."""
    for item in items:
        for name in classes(item):
            item.add_marker(name)


def without_services(folder: Path, path: str) -> str:
    """Return a search path with all programs of `path`, except the programs of tests/programs.py.

    Args:
        folder: a folder for links to other programs that lie in the same folder as an excluded one.
        path: folders, separated by colons.
    """
    hidden = {name for program in programs.PACKAGES for name in programs.names(program)}
    kept = []
    for number, there in enumerate(map(Path, path.split(":"))):
        if not any((there / name).exists() for name in hidden):
            kept.append(str(there))
            continue
        links = folder / str(number)
        if not links.exists():
            links.mkdir(parents=True)
            for program in there.iterdir():
                if program.name not in hidden:
                    (links / program.name).symlink_to(program)
        kept.append(str(links))
    return ":".join(kept)


class Guard:
    """Checks that tests do only what their classes allow."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.offline = False
        self.path = ""
        sys.addaudithook(self.refuse_other_machines)

    def refuse_other_machines(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Refuse connections to other machines in tests without the mark `network`; this is an audit hook of Python."""
        if self.offline and event == "socket.connect" and isinstance(arguments[1], tuple):
            host = str(arguments[1][0])
            if host != "localhost" and not _is_loopback(host):
                raise AssertionError(f"this test connects to {host}: mark it `network`")

    def folder(self, name: str) -> Path:
        """Return a folder of this worker and this run."""
        factory = self.config._tmp_path_factory  # type: ignore[attr-defined]
        return Path(factory.getbasetemp()) / name

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Run a test, with its fixtures, under the limits of its classes."""
        with pytest.MonkeyPatch.context() as patch:
            if not item.get_closest_marker("network"):
                self.offline = True
                for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "PIP_INDEX_URL"):
                    patch.setenv(name, NOWHERE)
                patch.setenv("NO_PROXY", "127.0.0.1,localhost")
                patch.setenv("no_proxy", "127.0.0.1,localhost")
                patch.setenv("PIP_RETRIES", "0")
                patch.setenv("PIP_CONFIG_FILE", os.devnull)  # it might name a further index
                patch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
                patch.setenv("SITTER_CACHE", str(self.folder("no-downloads")))
            if not item.get_closest_marker("service"):
                self.path = self.path or without_services(self.folder("programs"), os.environ["PATH"])
                patch.setenv("PATH", self.path)
            if not item.get_closest_marker("training") and "pipeline.training.loop" in sys.modules:
                patch.setattr("pipeline.training.loop.Run.fit", refuse_to_train)
            try:
                return (yield)
            finally:
                self.offline = False


def refuse_to_train(*_: object) -> None:
    """Replace `Run.fit` in tests without the mark `training`."""
    raise AssertionError("this test trains a network: mark it `training`")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def pytest_configure(config: pytest.Config) -> None:
    """Register the guard."""
    config.pluginmanager.register(Guard(config), "sitter-guard")
