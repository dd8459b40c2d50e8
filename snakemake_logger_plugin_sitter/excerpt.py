"""Reads a stage's output in its last attempt from the log that rules/log.sh keeps of all attempts."""

from __future__ import annotations

from collections import deque
from pathlib import Path

MOST = 25


def last_attempt(log: Path, most: int = MOST) -> list[str]:
    """Return the last lines of the last attempt.

    Args:
        log: the log. It may be missing, or have no attempts, as SLURM's logs; then its last lines are returned.
        most: largest number of lines to return.
    """
    found: deque[str] = deque(maxlen=most)
    try:
        with log.open(encoding="utf-8", errors="replace", newline="\n") as lines:
            for line in lines:
                if line.startswith("==== attempt "):
                    if " began " in line:
                        found.clear()
                    continue
                # A progress bar overwrites itself after each carriage return, so its last state counts.
                found.append(line.rstrip("\r\n").rpartition("\r")[2])
    except OSError:
        return []
    return list(found)
