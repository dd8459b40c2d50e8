"""Section `fuse`: models with other models' embeddings as inputs."""

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
    """Adaptive score normalisation (AS-norm): cosines, relative to the cosines of both images with strangers."""

    cohort: Annotated[int, Field(ge=2)]
    """Size of the cohort of an image: the most similar faces of train and val sitters."""


class Fusion(Strict):
    """A fusion of models."""

    renamed: ClassVar[dict[str, str]] = {"by_folds": "crossval", "cohort": "score_norm: {cohort: 100}"}

    models: Annotated[tuple[str, ...], Field(min_length=1)]
    """The models that are fused, or fusions that are listed before this one."""
    method: Method
    """How the models' vectors or scores become one."""
    fit_on: tuple[str, ...] = ()
    """Data sets to fit on: their train sitters centre the embeddings, and weights are learned on their val sitters."""
    centre: bool = True
    """Subtract each model's mean embedding of the train sitters first; needs `fit_on`."""
    crossval: bool = False
    """Fit the fusion once for each fold, to the images of all other folds, with the next fold as the val sitters, and
    apply it to the fold itself. Only for data sets that are split into folds and nothing else (`test: 1`). Its models
    are frozen or cross-validated; a cross-validated one is represented, in each fold, by the training that left out
    this fold."""
    score_norm: ScoreNorm | None = None
    """Give normalised scores instead of vectors, for up to a thousand test images."""


def members(study: Study, fusion: str) -> list[tuple[str, ...]]:
    """Return the models behind each input of a fusion: the input itself, or its trainings, each without one fold."""
    entry = study.fuse[fusion]

    def behind(name: str) -> tuple[str, ...]:
        own = study.fuse.get(name)
        return own.models if entry.crossval and own is not None and own.method.kind == "folds" else (name,)

    return [behind(name) for name in entry.models]


def without(study: Study, models: Sequence[str], fold: int) -> str:
    """Return the model that has left out a fold; where none has, the first model, which is frozen."""
    return next((model for model in models if study.training(model).fold == fold), models[0])


def fusion_problems(study: Study, name: str) -> list[str]:
    """Return problems: too few models, folds that no model or two leave out, benchmarks that compare across folds."""
    fusion = study.fuse[name]
    problems = []
    if fusion.method.kind == "folds":
        left_out = [study.training(m).fold for m in fusion.models if m in study.models]
        if left_out != [None] and set(left_out) != set(range(len(fusion.models))):
            problems.append(
                f"fuse.{name}: its models leave out the folds {left_out}; it needs one model for each fold "
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
                    f"fuse.{name}: it is for data sets that are split into three folds of sitters or more and nothing "
                    f"else, which {dataset} is not: set kind: sitters and test: 1 in its split, or take it out of "
                    "embed.datasets"
                )
        for benchmark, options in study.evaluate.benchmarks.items():
            if not options.stays_within_folds():
                problems.append(
                    f"evaluate.benchmarks.{benchmark}: {name} is cross-validated, and its vectors of two folds "
                    "cannot be compared: set within_folds: true (all-pairs, identification)"
                )
    return problems
