"""Print several params files merged into one: `sitter merge --params A --params B > params.yaml`.

DVC reads a single params file, so a study in several files has to be merged for it.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from pipeline.params import load, read


def run(*files: Path) -> None:
    """Print the files as YAML, merged in the given order.

    Raises:
        SitterError: the merged file is no valid study.
    """
    load(*files)
    print(yaml.safe_dump(read(*files), sort_keys=False, allow_unicode=True, width=110), end="")
