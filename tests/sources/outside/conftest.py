"""Fixtures for the tests of outside systems: a project with an outside system."""

from tests.sources.outside.project import project

__all__ = ["project"]
