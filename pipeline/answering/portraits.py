"""Portraits of a study's data sets, with the sitters that a model was trained on and the decisions of people."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from pipeline.core.layout import Layout
from pipeline.core.names import same
from pipeline.core.own_files import located
from pipeline.identification.decisions import Decision, ImageKey, read_decisions
from pipeline.identification.question import QuestionPortraits, SplitPortrait
from pipeline.identification.search import Portrait
from pipeline.splits.pictures import picture_names, shown
from pipeline.splits.trained import taught, training_data
from pipeline.store.accounts import ImageAccount, each_account
from pipeline.store.splits import each_seated

if TYPE_CHECKING:
    from pipeline.params import Study
    from pipeline.params.identify import Identify

Accounts = Mapping[ImageKey, ImageAccount]
"""What the accounts say about images, by data set and image id."""


def seen(study: Study, datasets: Iterable[str], at: Layout) -> list[SplitPortrait]:
    """Return all portraits of some data sets, each data set once."""
    found = []
    for dataset in dict.fromkeys(datasets):
        picture = picture_names(study, dataset, at)
        for row in each_seated(dataset, at):
            named = shown(picture, row)
            found.append(SplitPortrait(Portrait(dataset, row.image_id, row.sitter, named), row.subset))
    return found


def learned(study: Study, model: str, sitters: Collection[str], at: Layout) -> set[str]:
    """Return which of these sitters a model was trained on; none for a model that is not in the study."""
    if model not in study.systems:
        return set()
    keys = {key for data in training_data(study, model) for key in taught(data, at)}
    return {sitter for sitter in sitters if same(sitter) in keys}


def decisions(name: str, entry: Identify, portraits: QuestionPortraits, at: Layout) -> dict[ImageKey, list[Decision]]:
    """Return people's decisions on the portraits of a question, by image."""
    if entry.decisions is None:
        return {}
    images = [portrait[:2] for portrait in portraits.probes]
    file = at.root / located(entry.decisions)
    return read_decisions(file, f"identify.{name}.decisions", images, portraits.sitters)


def accounts(wanted: Collection[ImageKey], at: Layout) -> Accounts:
    """Return what the accounts say about some images."""
    by_dataset: dict[str, set[str]] = {}
    for dataset, image_id in wanted:
        by_dataset.setdefault(dataset, set()).add(image_id)
    return {
        (dataset, image.image_id): image
        for dataset in sorted(by_dataset)
        for image in each_account(dataset, at, by_dataset[dataset])
    }
