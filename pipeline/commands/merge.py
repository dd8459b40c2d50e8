"""Print several params files as the one file that they make: `sitter merge --params A --params B > params.yaml`.

DVC reads one file of params, so that it needs a study in layers as one file.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from pipeline.params import load, read


def run(*files: Path) -> None:
    """Print the files, merged in their order, as YAML.

    Raises:
        SitterError: what they make is no valid study.
    """
    load(*files)
    print(yaml.safe_dump(read(*files), sort_keys=False, allow_unicode=True, width=110), end="")
