"""Checks of outside systems (backbones `external` and `external-scores`) and of what a study requires of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.params.backbones.base import OutsideOptions, ScoresOptions

if TYPE_CHECKING:
    from pipeline.params import Study


def external_problems(study: Study) -> list[str]:
    """Return a sentence for each demand on an outside system that only a network, or only vectors, can meet."""
    problems = []
    outside = {m: model.backbone for m, model in study.models.items() if isinstance(model.backbone, OutsideOptions)}
    for name, backbone in outside.items():
        model = study.models[name]
        if model.adaptation.kind != "none":
            problems.append(
                f"models.{name}.adaptation is {model.adaptation.kind!r}, but backbone {backbone.kind} is an outside "
                "system, which cannot be trained: set adaptation and loss to {kind: none}"
            )
        if model.crops:
            problems.append(f"models.{name}.crops is set, but an outside system's file is all there is: leave it out")
        if model.mirror:
            problems.append(f"models.{name}.mirror is true, but an outside system's file is all there is: set it false")
    vectors = {f"fuse.{name}.models": fusion.models for name, fusion in study.fuse.items()}
    vectors |= {f"overlap.{name}.model": (o.model,) for name, o in study.overlap.items() if o.model is not None}
    for field, names in vectors.items():
        for name in names:
            own = study.fuse.get(name)
            if isinstance(outside.get(name), ScoresOptions) or (own is not None and own.score_norm is not None):
                problems.append(f"{field} is {name!r}, which gives scores and no vectors: name a model that gives them")
    for name in study.explain.models if study.explain else ():
        if name in outside:
            problems.append(f"explain.models is {name!r}, an outside system that cannot be run: name a network")
    return problems
