"""The one exception that users are meant to read."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class SitterError(Exception):
    """Bad input or a failed step: the message says what was found, what was expected and what to do.

    The command line prints the message alone, without a traceback, and exits with 1.
    """


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return the words for an error about an unknown name: the nearest allowed one, then all of them.

    >>> nearest("tripplet", ["triplet", "infonce"])
    "did you mean 'triplet'? Allowed: infonce, triplet"
    """
    names = sorted(str(a) for a in allowed)
    close = get_close_matches(str(name), names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}Allowed: {', '.join(names) or '(none)'}"
