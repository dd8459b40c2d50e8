"""Check params.yaml before any work: `sitter check`.

It prints what the study holds, and what is missing on this machine of the user's own files.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.params import describe
from pipeline.plan.layout import Layout
from pipeline.plan.requirements import missing

if TYPE_CHECKING:
    from pipeline.params import Study


def run(study: Study, root: Path = Path()) -> None:
    """Print what the study holds and what is missing."""
    print("\n".join([describe(study), *missing(study, Layout.of(study, root)).values()]))
