"""What of a user's own files a study names and does not find, said before anything is computed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel

from pipeline.core.own_files import located, named
from pipeline.params.sources.base import Obtained, OwnFile
from pipeline.plan import layout

if TYPE_CHECKING:
    from pipeline.params import Study


def missing(study: Study) -> dict[str, str]:
    """Say which of the user's own files are missing: who wants each, where it was looked for, how to get it.

    By entry of `download`, `align.NAME` for the corrections of a data set, `identify.NAME` for the decisions of a
    question. An entry whose output stands already is not missing, and one with a URL is fetched.
    """
    said: dict[str, str] = {}
    for entry, source in study.download.items():
        if lines := _absent(source, f"download.{entry}", layout.raw(entry)):
            obtain = source.obtain if isinstance(source, Obtained) else None
            checksum = source.sha256 if isinstance(source, OwnFile) else None
            said[entry] = "\n".join(
                f"{line} It is wanted by {_wanted_by(study, entry) or 'nothing in this study'}. "
                f"How to get it: {obtain or 'not said'}. Licence: {source.licence or 'not said'}."
                + (f" Its SHA-256 has to be {checksum}." if checksum else "")
                for line in lines
            )
    for name, align in study.align.items():
        if lines := _absent(align, f"align.{name}", layout.faces(name)):
            said[f"align.{name}"] = "\n".join(lines)
    for name, question in study.identify.items():
        if lines := _absent(question, f"identify.{name}", layout.identify(name)):
            said[f"identify.{name}"] = "\n".join(lines)
    return said


def _absent(section: BaseModel, where: str, output: Path) -> list[str]:
    """A sentence for each file that a section names and that is not there."""
    if (output / layout.MANIFEST).is_file():
        return []
    return [
        f"{where}.{field} is {path}, which does not exist"
        + ("." if located(path).is_absolute() else f" (looked for it below {Path.cwd()}).")
        for field, path in named(section).items()
        if not located(path).exists()
    ]


def _wanted_by(study: Study, entry: str) -> str:
    """Models, detectors and data sets that an entry is for."""
    models = [name for name, model in study.models.items() if entry in model.backbone.entries().values()]
    faces = [name for name, align in study.align.items() if name == entry or entry in align.weights.values()]
    return ", ".join([f"models.{name}" for name in models] + [f"align.{name}" for name in faces])
