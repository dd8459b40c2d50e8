"""Messages of the package: every test finds on stderr what the command line would write there."""

from __future__ import annotations

import pytest

from pipeline.cli import configure_logging


@pytest.fixture(autouse=True)
def messages_on_stderr() -> None:
    """Write messages as the command line does, whatever a test before has changed."""
    configure_logging()
