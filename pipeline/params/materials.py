"""The materials of a study: what it downloads, from where, under which licence, and what uses each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.params import Study

PLACE = ("name", "version", "revision", "path", "url", "member")
"""Options of a source that say where its files are from, in display order."""


@dataclass(frozen=True)
class Material:
    """An entry under `download`."""

    name: str
    sort: str
    """`data set`, `weights` or `outside system`."""
    kind: str
    place: list[str]
    sha256: str
    licence: str
    """Empty where none is stated."""
    users: list[str]


def materials(study: Study) -> list[Material]:
    """Return every entry under `download`, in the study's order."""
    users: dict[str, list[str]] = {name: [] for name in study.download}
    outside = {entry.file for entry in study.outside.values()}
    for name, model in study.models.items():
        for entry in model.backbone.entries().values():
            users[entry].append(name)
    for name, system in study.outside.items():
        users[system.file].append(name)
    for name, render in study.render.items():
        users[render.dataset].append(f"painted as {name}")
    for align in study.align.values():
        for weights in align.weights.values():
            users[weights].append("face detection")
    found = []
    for name, source in study.download.items():
        options = source.model_dump()
        place = [str(options[k]) for k in PLACE if options.get(k)]
        sort = "data set" if name in study.align else "outside system" if name in outside else "weights"
        sha256, licence = options.get("sha256") or "", source.licence or ""
        found.append(Material(name, sort, source.kind, place, sha256, licence, list(dict.fromkeys(users[name]))))
    return found
