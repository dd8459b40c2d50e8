"""Finds test sitters who are training sitters of a model in another data set, under the same name.

Within a data set, and in data sets that are split like it, the split keeps train and test sitters apart (a split by
images shares them on purpose). Nothing does so between data sets that are split independently. For a fusion, the
training sitters of its members count, too. If each fold is evaluated by other models, each fold's test sitters are
compared with the training sitters of these models only. Validation sitters, who only choose the epoch, do not count.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, NamedTuple

from pipeline.core.layout import Layout
from pipeline.core.names import same
from pipeline.params import effective
from pipeline.params.effective import seated_by
from pipeline.params.fuse import members, without
from pipeline.store.splits import TESTED, Seated, read_seats, sitters_of

if TYPE_CHECKING:
    from pipeline.params import Study

logger = logging.getLogger(__name__)

SHOWN = 5


class TrainingData(NamedTuple):
    """Images that a model or a fusion learns from."""

    dataset: str
    subsets: tuple[str, ...] = ("train",)
    fold: int | None = None
    """The fold that is left out: in a data set without train and val sitters, this fold is for testing, the next one
    for validation, and the others for training."""
    fitted: bool = False
    """Whether a fusion is fitted on the images; test sitters of other data sets are then left out
    (`fit_data.strangers_only`)."""


@dataclass(frozen=True)
class SeenSitters:
    """Test sitters of a data set who are training sitters of some models in other data sets."""

    dataset: str
    of: int
    """The number of test sitters of the data set."""
    models: list[str]
    sitters: list[str]
    where: list[str]
    """The data sets in which they train."""

    def sentence(self) -> str:
        """Return a sentence for the log and the report."""
        shown = ", ".join(self.sitters[:SHOWN]) + (" …" if len(self.sitters) > SHOWN else "")
        return (
            f"{len(self.sitters)} of {self.of} test sitters of {self.dataset} are training sitters of "
            f"{', '.join(self.models)} in {', '.join(self.where)}: {shown}"
        )


def training_data(study: Study, name: str, fold: int | None = None) -> Iterator[TrainingData]:
    """Yield the training data of a model or fusion; with `fold`, of the models that evaluate this fold's images."""
    if name in study.models:
        if study.models[name].is_trained:
            training = study.training(name)
            for dataset in training.train_on:
                yield TrainingData(dataset, fold=training.fold)
        return
    if name in study.outside:  # nobody knows
        return
    entry = study.fuse[name]
    if entry.method.kind == "folds":
        yield from training_data(study, without(study, entry.models, fold or 0), fold)
        return
    for behind in members(study, name):
        yield from training_data(study, without(study, behind, fold or 0) if entry.crossval else behind[0], fold)
    learns = ("train",) if entry.method.kind == "concat" and entry.score_norm is None else ("train", "val")
    for dataset in entry.fit_on:
        yield TrainingData(dataset, learns, fold if entry.crossval else None, fitted=True)


def tested_elsewhere(study: Study, dataset: str, at: Layout) -> set[str]:
    """Return the test sitters of the data sets that are split independently of this one."""
    others = effective.tested_elsewhere(study, dataset)
    return {sitter for other in others for sitter in sitters_of(other, TESTED, at).values()}


def taught(data: TrainingData, at: Layout) -> frozenset[str]:
    """Return the keys (see `names.same`) of the sitters of training data."""
    return frozenset(map(same, read_seats(data.dataset, at, data.fold).sitters_in(*data.subsets))) - {""}


def seen(
    study: Study, names: Iterable[str], splits: Mapping[str, Mapping[str, Seated]], at: Layout
) -> list[SeenSitters]:
    """Find the test sitters who are training sitters of models in other data sets.

    Args:
        study: the study, which says what each model is trained on.
        names: the models and fusions that are evaluated.
        splits: the images of the splits, by data set and image id, of the data sets that they are evaluated on.
        at: the project that holds the splits of the training sets.

    Returns:
        One entry for each data set and each set of sitters, with all models that share these sitters.
    """
    keys = lru_cache(maxsize=None)(partial(taught, at=at))
    found: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[str]] = {}
    sizes = {}
    for dataset, rows in splits.items():
        tested = {(image.sitter, image.fold) for image in rows.values() if image.subset in TESTED}
        tested = {(sitter, fold) for sitter, fold in tested if sitter}
        sizes[dataset] = len({sitter for sitter, _ in tested})
        folds = sorted({fold for _, fold in tested})
        for name in names:
            sitters: set[str] = set()
            where: dict[str, None] = {}
            for fold in folds if _cross_validated(study, name) else [None]:
                asked = {sitter for sitter, own in tested if fold in (None, own)}
                for data in training_data(study, name, fold):
                    if not data.fitted and seated_by(study, data.dataset) != seated_by(study, dataset):
                        known = {sitter for sitter in asked if same(sitter) in keys(data)}
                        sitters |= known
                        where |= dict.fromkeys([data.dataset] if known else [])
            if sitters:
                found.setdefault((dataset, tuple(sorted(sitters)), tuple(where)), []).append(name)
    return [
        SeenSitters(dataset, sizes[dataset], models, list(sitters), list(where))
        for (dataset, sitters, where), models in found.items()
    ]


def _cross_validated(study: Study, name: str) -> bool:
    """Whether a fusion evaluates each fold by other models, or has a member that does."""
    if name not in study.fuse:
        return False
    entry = study.fuse[name]
    return entry.method.kind == "folds" or entry.crossval or any(_cross_validated(study, part) for part in entry.models)


def warn(found: Collection[SeenSitters], excluded: bool) -> None:
    """Log a warning for each entry; `excluded`: whether benchmarks leave these sitters out."""
    for one in found:
        what = "their images are left out for all models" if excluded else (
            "figures on these sitters are too good. Leave them out by evaluate.trained_sitters: exclude, or keep them "
            "apart in the split"
        )  # fmt: skip
        logger.warning(f"{one.sentence()}; {what}.")
