"""Finds files of the user's own that a study names and that are missing, before anything is computed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from pipeline.core.layout import MANIFEST, Layout
from pipeline.core.own_files import located, named
from pipeline.params.sources.base import OwnFile
from pipeline.plan.made import made_with

if TYPE_CHECKING:
    from pipeline.params import Study


def missing(study: Study, at: Layout) -> dict[str, str]:
    """Return which of the user's own files are missing, what needs them, where they were looked for, how to get them.

    Keys are the entries of `download`, `align.NAME` for the corrections of a data set, `identify.NAME` for the
    decisions of a question, `evaluate` for the lists of its benchmarks, and `tracking` for the package of a tracker.

    An entry is not missing if its output exists already and was made from what the entry says, nor if it has a URL,
    since it is fetched then.
    """
    said: dict[str, str] = {}
    for entry, source in study.download.items():
        if lines := _absent(source, "download", entry, at.raw(entry), at):
            size = f" Size: {source.size.gb:g} GB." if source.size else ""
            checksum = source.sha256 if isinstance(source, OwnFile) else None
            said[entry] = "\n".join(
                f"{line} It is needed by {_wanted_by(study, entry) or 'nothing in this study'}. "
                f"How to get it: {source.obtain or 'not said'}. Licence: {source.licence or 'not said'}.{size}"
                + (f" Its SHA-256 has to be {checksum}." if checksum else "")
                for line in lines
            )
    for name, align in study.align.items():
        if lines := _absent(align, "align", name, at.faces(name), at):
            said[f"align.{name}"] = "\n".join(lines)
    for name, question in study.identify.items():
        if lines := _absent(question, "identify", name, at.identify(name), at):
            said[f"identify.{name}"] = "\n".join(lines)
    if sentence := study.tracking.lacking():
        said["tracking"] = sentence
    then = made_with(at, "evaluate", "", at.results()).get("evaluate", {}).get("benchmarks", {})
    lines = [
        line
        for name, benchmark in study.evaluate.benchmarks.items()
        if not ((at.results() / MANIFEST).is_file() and _is_made_of(benchmark, then.get(name)))
        for line in _not_there(benchmark, f"evaluate.benchmarks.{name}", at)
    ]
    return said | ({"evaluate": "\n".join(lines)} if lines else {})


def _absent(section: BaseModel, stage: str, name: str, output: Path, at: Layout) -> list[str]:
    """Return a sentence for each missing file that an entry names."""
    if (output / MANIFEST).is_file() and _is_made_of(
        section, made_with(at, stage, name, output).get(f"{stage}.{name}")
    ):
        return []
    return _not_there(section, f"{stage}.{name}", at)


def _not_there(section: BaseModel, where: str, at: Layout) -> list[str]:
    return [
        f"{where}.{field} is {path}, which does not exist"
        + ("." if located(path).is_absolute() else f" (looked for it below {at.root.absolute()}).")
        for field, path in named(section).items()
        if not (at.root / located(path)).exists()
    ]


def _is_made_of(section: BaseModel, then: Any) -> bool:
    """Whether an entry is unchanged since its output was made; True if nothing is recorded of that time."""
    if then is None:
        return True
    try:
        return type(section).model_validate(then) == section
    except ValidationError:  # the entry had another kind then
        return False


def _wanted_by(study: Study, entry: str) -> str:
    """Return the models, detectors and data sets that need an entry."""
    models = [name for name, model in study.models.items() if entry in model.backbone.entries().values()]
    systems = [name for name, system in study.outside.items() if system.file == entry]
    faces = [name for name, align in study.align.items() if name == entry or entry in align.weights.values()]
    wanted = {"models": models, "outside": systems, "align": faces}
    return ", ".join(f"{section}.{name}" for section, names in wanted.items() for name in names)
