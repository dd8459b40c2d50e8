"""The project of `tests.answering`."""

from tests.answering.conftest import _own_cache, project

__all__ = ["_own_cache", "project"]
