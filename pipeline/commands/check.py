"""Check params.yaml before any work: `sitter check`.

It prints what the study holds, for which use the licences (of the images, too, once they are there) allow its
models, what is missing on this machine of the
user's own files, and where batches will be smaller than asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import SitterError
from pipeline.params import describe
from pipeline.params.licences import describe_licences
from pipeline.plan.layout import Layout
from pipeline.plan.requirements import missing
from pipeline.store.raw import licences_of_images
from pipeline.store.splits import each_image, split_file

if TYPE_CHECKING:
    from pipeline.params import Study


def run(study: Study, root: Path = Path()) -> None:
    """Print what the study holds and what is missing."""
    at = Layout.of(study, root)
    images = {entry: licences_of_images(entry, at) for entry in study.download if entry in study.align}
    told = [describe(study), *describe_licences(study, images), *missing(study, at).values(), *small_batches(study, at)]
    print("\n".join(told))


def small_batches(study: Study, at: Layout) -> Iterator[str]:
    """Say which models have smaller batches than asked, of those whose splits are made."""
    for name, model in study.models.items():
        training = study.training(name)
        datasets = training.train_on if model.adaptation.kind != "none" else ()
        if training.sampler != "sitters" or training.fold is not None or not datasets:
            continue
        if all(split_file(dataset, at).is_file() for dataset in datasets):
            import numpy as np

            from pipeline.losses.samplers import SitterBatches

            # A name means the same sitter in data sets that are split alike.
            sets = {dataset: study.split[dataset] for dataset in datasets}
            like = {dataset: split.dataset if split.kind == "like" else dataset for dataset, split in sets.items()}
            who = [
                (like[dataset], sitter)
                for dataset in datasets
                for _, sitter, subset in each_image(dataset, at)
                if subset == "train"
            ]
            number = {sitter: i for i, sitter in enumerate(dict.fromkeys(who))}
            try:
                sampler = SitterBatches(
                    np.array([number[sitter] for sitter in who]), training.sitters, training.images, 0
                )
            except SitterError as error:
                yield f"models.{name}: {error}"
                continue
            if shortfall := sampler.shortfall():
                yield f"models.{name}: {shortfall}"
