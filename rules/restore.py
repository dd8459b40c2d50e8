"""What stood before comes back where the work that was to replace it fails.

DVC removes a stage's outputs before it runs the stage's command; it has them in its cache. Snakemake keeps the files
(`update` in the rules), but forgets how they were made, and would take them for up to date the next time.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from rules.records import distrust, record


def at_exit(targets: Iterable[Path]) -> None:
    """Have that done when this process ends.

    Args:
        targets: the files that stand for the outputs of the jobs of the study.
    """
    atexit.register(_restore, os.environ.get("DVC_STAGE"), [path for path in targets if record(path).exists()])


def _restore(stage: str | None, known: list[Path]) -> None:
    if stage is not None:
        _bring_back(stage)
    for target in known:
        if target.exists() and not record(target).exists():
            distrust(target)


def _bring_back(stage: str) -> None:
    """Take from DVC's cache what a stage has not made anew."""
    import yaml

    lock = Path("dvc.lock")
    known = yaml.safe_load(lock.read_text()) if lock.exists() else None
    outputs = ((known or {}).get("stages", {}).get(stage) or {}).get("outs", [])
    if all(Path(out["path"]).exists() for out in outputs):
        return
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    with Repo() as repo:
        for found in repo.stage.collect(stage):
            for out in found.outs:
                try:
                    if not out.exists:
                        out.checkout(force=True)
                        print(f"sitter: the stage failed, so {out} is again what it was", file=sys.stderr)
                except DvcException as error:
                    print(f"sitter: {out} could not be brought back: {error}", file=sys.stderr)
