"""Section `fuse`: models whose inputs are other models' embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from pipeline.core.registry import Strict
from pipeline.params.effective import seated_by
from pipeline.params.fusions import Method

if TYPE_CHECKING:
    from pipeline.params import Study


class ScoreNorm(Strict):
    """Adaptive score normalisation (AS-norm): cosines, measured by how like each of the two images is to strangers."""

    cohort: Annotated[int, Field(ge=2)]
    """Faces of train and val sitters that an image is compared with, those most like it."""


class Fusion(Strict):
    """A fusion of models."""

    renamed: ClassVar[dict[str, str]] = {"by_folds": "crossval", "cohort": "score_norm: {cohort: 100}"}

    models: Annotated[tuple[str, ...], Field(min_length=1)]
    """The models that are fused, or fusions that stand before this one."""
    method: Method
    """How the models' vectors or scores become one."""
    fit_on: tuple[str, ...] = ()
    """Data sets whose train sitters centre the embeddings, and whose val sitters weights are learned on."""
    centre: bool = True
    """Subtract each model's mean embedding of the train sitters first; needs `fit_on`."""
    crossval: bool = False
    """For data sets that are split into folds only (`test: 1`): fitted once for each fold, to the images of all others,
    the next fold being the val sitters, and applied to the fold's own. Its models are frozen ones, or cross-validated
    ones, each of which then stands for the training that has left out the same fold."""
    score_norm: ScoreNorm | None = None
    """Give normalised scores instead of vectors. For up to a thousand test images."""


def members(study: Study, fusion: str) -> list[tuple[str, ...]]:
    """The models behind each input of a fusion: itself, or, fold by fold, those that have left out a fold each."""
    entry = study.fuse[fusion]

    def behind(name: str) -> tuple[str, ...]:
        own = study.fuse.get(name)
        return own.models if entry.crossval and own is not None and own.method.kind == "folds" else (name,)

    return [behind(name) for name in entry.models]


def without(study: Study, models: Sequence[str], fold: int) -> str:
    """Return the one of several models that has left out a fold; the first, a frozen one, where none has."""
    return next((model for model in models if study.training(model).fold == fold), models[0])


def fusion_problems(study: Study, name: str) -> list[str]:
    """Too few models for a fusion; folds that no model leaves out, or two; tables that would compare across folds."""
    fusion = study.fuse[name]
    problems = []
    if fusion.method.kind == "folds":
        left_out = [study.training(m).fold for m in fusion.models if m in study.models]
        if left_out != [None] and set(left_out) != set(range(len(fusion.models))):
            problems.append(
                f"fuse.{name}: its models leave out the folds {left_out}; it wants one model for each fold "
                "(`crossval: true` of a model makes them), or one frozen model for all"
            )
        if fusion.crossval or fusion.score_norm:
            problems.append(f"fuse.{name}: crossval and score_norm are for the fusion of cross-validated models")
    elif len(fusion.models) == 1 and fusion.score_norm is None and fusion.method.kind not in ("wccn", "plda"):
        problems.append(f"fuse.{name}.models names one model: a fusion is of two or more")
    for part in fusion.models:
        earlier = study.fuse.get(part)
        fold = study.training(part).fold if part in study.models else None
        if fusion.crossval and (fold is not None or (earlier is not None and earlier.method.kind != "folds")):
            problems.append(
                f"fuse.{name}.models is {part!r}, but with crossval it takes frozen and cross-validated models"
            )
    if fusion.score_norm is not None and not fusion.fit_on:
        problems.append(f"fuse.{name}.score_norm needs fit_on: name the data sets whose train sitters are the cohort")
    if fusion.method.kind == "folds" or fusion.crossval:
        for dataset in study.embed.datasets:
            split = study.split.get(seated_by(study, dataset))
            if split is not None and (split.kind != "sitters" or split.test < 1 or split.folds < 3):
                problems.append(
                    f"fuse.{name}: it is for data sets whose sitters are split into three folds or more and nothing "
                    f"else, which {dataset} is not: set kind: sitters and test: 1 in its split, or take it out of "
                    "embed.datasets"
                )
        for benchmark, options in study.evaluate.benchmarks.items():
            if not options.stays_within_folds():
                problems.append(
                    f"evaluate.benchmarks.{benchmark}: {name} is cross-validated, and what it makes of two folds "
                    "cannot be compared: set within_folds: true (all-pairs, identification)"
                )
    return problems
