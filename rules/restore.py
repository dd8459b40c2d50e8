"""What DVC has removed before a stage comes back if the stage fails.

DVC removes a stage's outputs before it runs the stage's command. It has them in its cache.
"""

from __future__ import annotations

import atexit
import sys
from pathlib import Path


def at_exit(stage: str) -> None:
    """Have the outputs of a DVC stage restored when this process ends, where the stage has not made them anew."""
    atexit.register(_restore, stage)


def _restore(stage: str) -> None:
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
