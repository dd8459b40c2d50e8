"""Values for one model or data set that follow from several fields of a study, as the jobs use them.

These functions stand in a module of their own, since they are part of the code that every stage depends on. The list of
sections, which grows with every new stage, is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel

from pipeline.params.sweep import SEED

if TYPE_CHECKING:
    from pipeline.params import Study

Section = TypeVar("Section", bound=BaseModel)


def changed(section: Section, changes: BaseModel) -> Section:
    """Return a section with the fields that were set in `changes`, checked again as a whole."""
    return section.model_validate({**section.model_dump(), **changes.model_dump(exclude_unset=True)})


def seed(study: Study, name: str) -> int:
    """Return the seed for building and training a model, or for fitting a fusion."""
    own: int | None = None
    if name in study.models:
        own = study.training(name).seed
    elif swept := study.swept(name):
        own = swept.values.get(SEED)
    return study.seed if own is None else own


def judged(study: Study) -> list[str]:
    """Return the models, outside systems and fusions that stand in the tables.

    Models that leave out a fold are not among them: they may be tested only on the sitters of that fold.
    """
    models = (name for name in study.models if study.training(name).fold is None)
    return [*models, *study.outside, *study.fuse]


def learned_from(study: Study) -> list[str]:
    """Return the data sets that models are trained on, including models that leave out a fold."""
    trained = (name for name, model in study.models.items() if model.is_trained)
    return list(dict.fromkeys(dataset for name in trained for dataset in study.training(name).train_on))


def photographs_of(study: Study, dataset: str) -> str:
    """Return the data set that holds the origins of a data set's images."""
    if dataset in study.render:
        return study.render[dataset].dataset
    split = study.split[dataset]
    return split.dataset if split.kind == "like" else dataset


def seated_by(study: Study, dataset: str) -> str:
    """Return the data set with the split that assigns a data set's sitters: itself, or the one it is split like."""
    split = study.split.get(dataset)
    return split.dataset if split is not None and split.kind == "like" else dataset


def tested_elsewhere(study: Study, dataset: str) -> list[str]:
    """Return the embedded data sets with a split of their own, not the split of the given data set.

    An equal name in two of them means one person, and nothing else keeps the test sitters of one data set out of the
    training sitters of the other.
    """
    others = (other for other in study.embed.datasets if other in study.split)
    return [other for other in others if seated_by(study, other) != seated_by(study, dataset)]


def excluding(study: Study, dataset: str) -> list[str]:
    """Return the entries of `overlap` that exclude test images of a data set."""
    return [name for name, entry in study.overlap.items() if entry.test == dataset and entry.exclude != "nothing"]
