"""What of a user's own files a study names and does not find, said before anything is computed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import paths

if TYPE_CHECKING:
    from pipeline.params import Study


def missing(study: Study) -> dict[str, str]:
    """By entry of `download`: who wants which file or folder, where it was looked for, how to get it, its licence.

    An entry that stands in `data/raw/` already is not missing, and one with a URL is fetched.
    """
    said = {}
    for entry, source in study.download.items():
        path = getattr(source, "path", None)
        if path is None or Path(path).expanduser().exists() or (paths.raw(entry) / paths.MANIFEST).is_file():
            continue
        wanted = _wanted_by(study, entry) or "nothing in this study"
        where = "" if Path(path).is_absolute() else f" (looked for it below {Path.cwd()})"
        obtain, licence = (getattr(source, option, None) for option in ("obtain", "licence"))
        checksum = getattr(source, "sha256", None)
        said[entry] = (
            f"download.{entry}.path is {path}, which does not exist{where}. It is wanted by {wanted}. "
            f"How to get it: {obtain or 'not said'}. Licence: {licence or 'not said'}."
            + (f" Its SHA-256 has to be {checksum}." if checksum else "")
        )
    return said


def _wanted_by(study: Study, entry: str) -> str:
    """Models, detectors and data sets that an entry is for."""
    models = [name for name, model in study.models.items() if getattr(model.backbone, "weights", None) == entry]
    faces = [
        name
        for name, align in study.align.items()
        if name == entry or any(getattr(d, "weights", None) == entry for d in align.detectors)
    ]
    return ", ".join([f"models.{name}" for name in models] + [f"align.{name}" for name in faces])
