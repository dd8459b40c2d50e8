"""The package's messages in tests: they go to stderr, as on the command line."""

from __future__ import annotations

import pytest

from pipeline.core.log_format import configure_logging


@pytest.fixture(autouse=True)
def messages_on_stderr() -> None:
    """Write messages as the command line does, even if an earlier test has changed this."""
    configure_logging()
