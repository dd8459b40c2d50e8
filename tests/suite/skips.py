"""`--allowed-skips FILE`: a run fails if it skips a test for a reason that is not on the list.

Each line of the list is a regular expression that must match a whole reason. Empty lines and comments (#) are ignored.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option; it may be given several times."""
    words = "fail if a test is skipped for a reason that no line of FILE matches"
    parser.addoption("--allowed-skips", action="append", default=[], metavar="FILE", help=words)


def pytest_configure(config: pytest.Config) -> None:
    """Collect skips if the option is given."""
    if config.getoption("--allowed-skips"):
        config.pluginmanager.register(Skips(config), "sitter-skips")


def patterns(text: str) -> list[re.Pattern[str]]:
    """Return the regular expressions of a list."""
    lines = (line.strip() for line in text.splitlines())
    return [re.compile(line) for line in lines if line and not line.startswith("#")]


class Skips:
    """Collects the skipped tests; under pytest-xdist each worker does so, and reports to the controller at the end."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        files = map(Path, config.getoption("--allowed-skips"))
        self.allowed = [pattern for file in files for pattern in patterns(file.read_text(encoding="utf-8"))]
        self.refused: list[str] = []

    def note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        """Remember a skip if its reason is on no list."""
        if report.skipped and not hasattr(report, "wasxfail") and isinstance(report.longrepr, tuple):
            reason = report.longrepr[2].removeprefix("Skipped: ")
            if not any(pattern.fullmatch(reason) for pattern in self.allowed):
                self.refused.append(f"{report.nodeid}: {reason}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note that a test, or one of its fixtures, was skipped; a controller gets this from its workers at the end."""
        if not hasattr(self.config, "workerinput"):
            self.note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note that a whole module was skipped; xdist does not pass this from a worker to the controller."""
        self.note(report)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Take over the skips of a worker that has ended."""
        told = getattr(node, "workeroutput", {}).get("refused skips", [])
        self.refused += [line for line in told if line not in self.refused]

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Report to the controller, or make the run fail."""
        if hasattr(self.config, "workeroutput"):
            self.config.workeroutput["refused skips"] = self.refused
        elif self.refused and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Write the refused skips to the terminal."""
        if self.refused:
            terminalreporter.section("skipped, but not on the list of --allowed-skips", red=True)
            for line in self.refused:
                terminalreporter.line(line)
