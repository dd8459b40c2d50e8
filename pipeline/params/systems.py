"""The systems of a study: models, outside systems and fusions. Every table shows them side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pipeline.core.errors import nearest
from pipeline.params.fuse import Fusion
from pipeline.params.outside_systems.base import OutsideOptions
from pipeline.params.outside_systems.scores import OutsideScoresOptions
from pipeline.params.train import Model

if TYPE_CHECKING:
    from pipeline.params import Study

Entry = Model | OutsideOptions | Fusion


@dataclass(frozen=True)
class System:
    """A system that the benchmarks evaluate, and its abilities."""

    asked: Entry
    """Its entry in params.yaml."""
    sort: Literal["frozen", "trained", "outside", "fusion"]
    vectors: bool
    """Whether it gives a vector for each face; if not, it gives scores of pairs."""


def systems(study: Study) -> dict[str, System]:
    """Return every system of a study by its name: the models, then the outside systems, then the fusions."""
    entries: dict[str, Entry] = {**study.models, **study.outside, **study.fuse}
    return {name: _system(entry, study) for name, entry in entries.items()}


def _system(entry: Entry, study: Study) -> System:
    if isinstance(entry, OutsideOptions):
        return System(entry, "outside", not isinstance(entry, OutsideScoresOptions))
    if isinstance(entry, Fusion):
        # A model with `crossval: true` is a fusion of its folds' trainings, but tables show it as a trained model.
        members = [study.models[name] for name in entry.models if name in study.models]
        one_model = entry.method.kind == "folds" and any(member.is_trained for member in members)
        return System(entry, "trained" if one_model else "fusion", entry.score_norm is None)
    return System(entry, "trained" if entry.is_trained else "frozen", True)


def system_problems(study: Study) -> list[str]:
    """Return the problems of outside systems' entries, and of entries that need vectors from a system without them."""
    problems = []
    for name in study.outside:
        if name in study.models or name in study.fuse:
            section = "models" if name in study.models else "fuse"
            problems.append(f"outside.{name} has the name of an entry under {section}: rename one of them")
        file = study.outside[name].file
        if file not in study.download:
            problems.append(
                f"outside.{name}.file is {file!r}, which is no entry under download; {nearest(file, study.download)}"
            )
    asked = {f"fuse.{name}.models": fusion.models for name, fusion in study.fuse.items()}
    asked |= {f"overlap.{name}.model": (o.model,) for name, o in study.overlap.items() if o.model is not None}
    known = systems(study)
    for field, names in asked.items():
        for name in names:
            if name in known and not known[name].vectors:
                problems.append(
                    f"{field} is {name!r}, which gives scores and no vectors: name a system that gives vectors"
                )
    return problems
