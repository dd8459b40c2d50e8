"""The name of a study: its own, or else one from the names of its files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

DEFAULT = Path("params.yaml")
LONGEST = 64


def study_name(files: Sequence[Path | str], root: Path = Path()) -> str:
    """Return the name of the study in some params files; "" for the project's own params.yaml.

    The params.yaml of a project (`root`) does not count if other files change it. A file params.yaml in another folder
    is named after its folder.

    >>> study_name(["params.yaml"]), study_name(["studies/artface.yaml", "mine/Small one.yaml"])
    ('', 'artface-small-one')
    """
    words = []
    for file in map(Path, files):
        path = file.resolve()
        if path == (root / DEFAULT).resolve():
            continue
        words.append(path.parent.name if path.name == DEFAULT.name else path.stem)
    plain = (re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-") or "study" for word in words)
    return "-".join(plain)[:LONGEST].strip("-")
