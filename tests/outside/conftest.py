"""What the tests of outside systems share: a project with one."""

from tests.outside.project import project

__all__ = ["project"]
