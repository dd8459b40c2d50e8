"""The data that a fusion is fitted on (the train and val images of the data sets under `fit_on`), and the fitting."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.core.names import tested
from pipeline.core.numbers import Singles
from pipeline.fusions.fused import Fused, Kind, mean_units
from pipeline.store.embeddings import Embeddings, read_embeddings, refuse_failed
from pipeline.store.splits import KNOWN, each_image

if TYPE_CHECKING:
    from pipeline.params.fuse import Fusion

# Image id, sitter, and `train` or `val`.
FitImage = tuple[str, str, str]


@dataclass(frozen=True)
class FitData:
    """Images with their sitters, and whether these are `train` or `val` sitters."""

    vectors: Sequence[Singles]
    """float32 [n, d_m] of each model."""
    sitters: Sequence[str]
    subset: Sequence[str]

    @classmethod
    def of(
        cls,
        tables: Mapping[str, Sequence[Embeddings]],
        images: Mapping[str, Sequence[FitImage]],
        models: Sequence[str],
    ) -> FitData:
        """Return the fit data for some images of data sets.

        Args:
            tables: for each data set, the embeddings by each model.
            images: for each data set to fit on, its images.
            models: names of the models, for messages.

        Raises:
            SitterError: an image has no vector.
        """
        parts: list[list[Singles]] = [[] for _ in models]
        for dataset, rows in images.items():
            ids = [image_id for image_id, _, _ in rows]
            for model, table, part in zip(models, tables[dataset], parts, strict=True):
                part.append(table.select(ids, f"embeddings/{model}/{dataset}"))
        rows = [row for own in images.values() for row in own]
        vectors = [np.concatenate(part) for part in parts if part]
        return cls(vectors, [sitter for _, sitter, _ in rows], [subset for _, _, subset in rows])

    def images(self, subset: str) -> list[int]:
        """Return the rows of one subset."""
        return [row for row, word in enumerate(self.subset) if word == subset]

    @property
    def train(self) -> list[Singles]:
        """Return each model's vectors of the train images."""
        rows = self.images("train")
        return [vectors[rows] for vectors in self.vectors]


def inputs(models: Sequence[str], dataset: str, at: Layout) -> list[Embeddings]:
    """Return the embeddings of a data set by each model, all in the order of the first model's rows.

    Raises:
        SitterError: embeddings are missing, or two models have embedded different images.
    """
    tables = [read_embeddings(model, dataset, at) for model in models]
    first = tables[0].image_ids
    for model, table in zip(models, tables, strict=True):
        if set(table.image_ids) != set(first) or len(table) != len(first):
            other = sorted(set(table.image_ids) ^ set(first))
            for one in (model, models[0]):
                refuse_failed(one, dataset, other, at)
            raise SitterError(
                f"{at.embeddings(model, dataset)} and {at.embeddings(models[0], dataset)} hold other "
                f"images ({len(table)} and {len(first)}; {', '.join(other[:3])}{' …' if len(other) > 3 else ''} only "
                f"in one): one of them is out of date. Run embed for {model} and {models[0]} again."
            )
    return [Embeddings(first, t.vectors if t.image_ids == first else t.select(first)) for t in tables]


def train_and_val(dataset: str, at: Layout) -> list[FitImage]:
    """Return the train and val images of a data set, in the order of its split."""
    return [image for image in each_image(dataset, at) if image[2] in KNOWN]


def strangers_only(
    images: Mapping[str, Sequence[FitImage]], elsewhere: Mapping[str, Collection[str]], name: str
) -> dict[str, list[FitImage]]:
    """Leave out the images of sitters who are tested in another data set (`pipeline.core.names.tested`).

    Args:
        images: images by data set.
        elsewhere: for each data set, the sitters who are tested in data sets that are split independently of it.
        name: name of the fusion, for the log.
    """
    kept = {}
    for dataset, rows in images.items():
        out = tested((sitter for _, sitter, _ in rows), elsewhere.get(dataset, ()), dataset, name)
        kept[dataset] = [row for row in rows if row[1] not in out]
    return kept


def fit(name: str, entry: Fusion, fit_data: FitData, seed: int) -> Fused:
    """Fit a fusion to its data.

    Raises:
        SitterError: the fusion is centred, or its kind learns, and there are no train or val sitters to learn from.
    """
    kind: Kind = entry.method.make()
    named = ", ".join(entry.fit_on) or "fit_on"
    if entry.centre and "train" not in fit_data.subset:
        raise SitterError(
            f"fuse.{name}.centre needs the mean of training faces, but {named} gives "
            "none: name a data set with train sitters under fit_on, or set centre: false."
        )
    if kind.needs_val and "val" not in fit_data.subset:
        raise SitterError(
            f"fuse.{name}: {entry.method.kind} learns from val sitters, but {named} has "
            "none: name data sets under fit_on that have val above 0 in their split."
        )
    if kind.needs_train and "train" not in fit_data.subset:
        raise SitterError(
            f"fuse.{name}: {entry.method.kind} learns from train sitters, but {named} has none: name data sets under "
            "fit_on that leave some in their split (test and val together below 1), or set crossval: true."
        )
    fused = Fused(entry.models, kind, mean_units(fit_data.train) if entry.centre else None)
    kind.fit(fused.units(fit_data.vectors), fit_data.sitters, fit_data.subset, seed)
    return fused
