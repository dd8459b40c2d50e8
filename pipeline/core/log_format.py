"""Messages on the terminal: where they are written, and how."""

from __future__ import annotations

import logging
import sys


class OnStderr(logging.Handler):
    """Writes messages to the current stderr. Only warnings get a prefix."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a message without buffering."""
        try:
            kind = "warning: " if record.levelno == logging.WARNING else ""
            print(f"{kind}{self.format(record)}", file=sys.stderr, flush=True)
        except Exception:
            self.handleError(record)


def configure_logging(level: int = logging.INFO) -> None:
    """Write the messages of the package and of the workflow's scripts to stderr, from a level on.

    Results go to stdout by `print`.
    """
    for name in ("pipeline", "rules"):
        ours = logging.getLogger(name)
        ours.setLevel(level)
        if not any(isinstance(handler, OnStderr) for handler in ours.handlers):
            ours.addHandler(OnStderr())
