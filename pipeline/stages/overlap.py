"""Stage `overlap`: find what a test set shares with training sets, so that no benchmark rewards learning by heart.

The stage reads the faces and splits of both sides, and one model's embeddings if the study names a model. It writes to
data/overlap/ENTRY/: `images.csv` (near-duplicate pictures), `sitters.csv` (persons on both sides, by name or by
embedding), `excluded.csv` (images that no benchmark counts, if the study excludes any) and `summary.json`.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pipeline.core.errors import SitterError
from pipeline.core.files import output_folder
from pipeline.core.layout import Layout
from pipeline.core.names import warn_of_alike
from pipeline.splits.pictures import ImageCrops, PicturedImage
from pipeline.store.overlaps import SharedImage, SharedSitter, Summary, write_overlap
from pipeline.store.splits import KNOWN, TESTED, sitters_of
from pipeline.store.subset_size import SubsetSize

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pipeline.params import Study
    from pipeline.params.overlap import Overlap

logger = logging.getLogger(__name__)

SITTERS_COMPARED = 4096
"""At most this many test sitters, spread evenly over all, are paired to find the threshold: 8 million pairs."""


class Threshold(NamedTuple):
    """The cosine from which two sitters count as one person; None without a model, or with a single test sitter."""

    cosine: float | None = None
    by_chance: float | None = None
    """Number of test sitters that are expected to exceed it by chance."""


def run(study: Study, name: str, root: Path = Path()) -> None:
    """Write `data/overlap/<name>/`.

    Raises:
        SitterError: a side has no images, faces or embeddings are absent, or embeddings are of other images.
    """
    at = Layout.of(study, root)
    entry = study.overlap[name]
    train = [image for dataset in entry.train for image in _images(dataset, KNOWN, at)]
    test = _images(entry.test, TESTED, at)
    for side, found, where in (("train", train, ", ".join(entry.train)), ("test", test, entry.test)):
        if not found:
            subsets = "train or val" if side == "train" else "test"
            raise SitterError(f"overlap.{name}.{side}: {where} has no image in {subsets}: change its split.")
    pictures = shared_pictures(train, test, at)
    persons, threshold = shared_sitters(entry, train, test, at)
    excluded = _excluded(entry, test, pictures, persons)
    summary = Summary(
        train=_size(train),
        test=_size(test),
        near_duplicates=len({p.test for p in pictures}),
        sitters_by_name=len({p.test_sitter for p in persons if p.by_name}),
        sitters_by_embedding=len({p.test_sitter for p in persons if p.by_embedding}) if entry.model else None,
        model=entry.model,
        threshold=threshold.cosine,
        by_chance=threshold.by_chance,
        exclude=entry.exclude,
        excluded=len(excluded),
    )
    with output_folder(at.overlap(name)) as folder:
        write_overlap(folder, pictures, persons, excluded, summary)
    logger.info(
        f"{name}: of {len(test)} test images {summary.near_duplicates} are near-duplicates of training images; of "
        f"{summary.test.sitters} test sitters {summary.sitters_by_name} are training sitters, too, by name"
        + (f", {summary.sitters_by_embedding} by {entry.model}'s embeddings" if entry.model else "")
        + f"; {len(excluded)} images are left out"
    )


def _size(images: list[PicturedImage]) -> SubsetSize:
    return SubsetSize(len(images), len({i.sitter for i in images}))


def _images(dataset: str, subsets: tuple[str, ...], at: Layout) -> list[PicturedImage]:
    return [PicturedImage(dataset, image_id, sitter) for image_id, sitter in sitters_of(dataset, subsets, at).items()]


def shared_pictures(train: list[PicturedImage], test: list[PicturedImage], at: Layout) -> list[SharedImage]:
    """Find test images that show the same picture as a training image: by perceptual hash, then by registration.

    Each image is compared with the nearest one of the other side. So of a picture with many copies, at least one pair
    is listed.
    """
    from pipeline.faces.duplicates import near_duplicates

    both = train + test
    sides = ["train"] * len(train) + ["test"] * len(test)
    found = near_duplicates(ImageCrops(both, at), sides)
    return [
        SharedImage(
            test=both[b].image_id,
            train=both[a].image_id,
            train_dataset=both[a].dataset,
            test_sitter=both[b].sitter,
            train_sitter=both[a].sitter,
            similarity=similarity,
        )
        for a, b, similarity in found  # a comes before b, so a is the training image
    ]


def shared_sitters(
    entry: Overlap, train: list[PicturedImage], test: list[PicturedImage], at: Layout
) -> tuple[list[SharedSitter], Threshold]:
    """Find the persons on both sides, and the threshold that finds them by their embeddings.

    A sitter is represented by the mean of its unit-length embeddings. Two sitters of the test set are different
    persons; the threshold is the cosine that only a share `far` of these pairs exceeds (or none, if there are fewer
    than 1 / far pairs). Above it, the nearest training sitter counts as the same person. With many comparisons, some
    exceed the threshold by chance; `by_chance` is their expected number.
    """
    warn_of_alike({i.sitter for i in test}, {i.sitter for i in train}, entry.test, ", ".join(entry.train))
    by_name = {i.sitter for i in test} & {i.sitter for i in train}
    if entry.model is None:
        rows = [
            SharedSitter(i.sitter, i.sitter, i.dataset, by_name=True, by_embedding=False, similarity=None)
            for i in train
            if i.sitter in by_name
        ]
        return list({r.test_sitter: r for r in rows}.values()), Threshold()
    import numpy as np

    from pipeline.metrics.centres import in_blocks, nearest, sitter_means

    sitters, known = sitter_means(entry.model, _by_dataset(train), at)
    names, tested = sitter_means(entry.model, _by_dataset(test), at)
    threshold, far = _threshold(tested, entry.far)
    cosine, which = nearest(tested, in_blocks(known))
    row_of, dataset_of = {s: n for n, s in enumerate(sitters)}, {i.sitter: i.dataset for i in reversed(train)}
    rows = []
    for n, name in enumerate(names):
        if name in by_name:
            same = float(tested[n] @ known[row_of[name]])
            rows.append(SharedSitter(name, name, dataset_of[name], True, same >= threshold, same))
        elif cosine[n] >= threshold:
            other = sitters[which[n]]
            rows.append(SharedSitter(name, other, dataset_of[other], False, True, float(cosine[n])))
    if np.isnan(far):
        return rows, Threshold()
    return rows, Threshold(threshold, float(len(names) * (1 - (1 - far) ** len(sitters))))


def _by_dataset(images: list[PicturedImage]) -> dict[str, dict[str, str]]:
    """Return the sitters by data set, then by image id."""
    found: dict[str, dict[str, str]] = {}
    for image in images:
        found.setdefault(image.dataset, {})[image.image_id] = image.sitter
    return found


def _threshold(tested: NDArray[np.float64], far: float) -> tuple[float, float]:
    """Return the cosine that only a share `far` of the pairs of different test sitters reaches, and its FAR.

    The FAR is the share of pairs that may reach it, at least one pair.
    A single sitter has no pairs: then nothing counts as the same person, and the result is infinity and NaN.
    """
    import numpy as np

    some = tested[:: -(-len(tested) // SITTERS_COMPARED)]
    cosine = np.sort((some @ some.T)[np.triu_indices(len(some), 1)])[::-1]
    if not len(cosine):
        return np.inf, np.nan
    allowed = int(far * len(cosine))
    return float(np.nextafter(cosine[allowed], np.inf)), max(allowed, 1) / len(cosine)


def _excluded(
    entry: Overlap, test: list[PicturedImage], pictures: list[SharedImage], persons: list[SharedSitter]
) -> list[str]:
    """Return the ids of images that no benchmark counts, in the order of the split."""
    if entry.exclude == "nothing":
        return []
    copies = {p.test for p in pictures}
    sitters = {p.test_sitter for p in persons} if entry.exclude == "sitters" else set()
    return [i.image_id for i in test if i.image_id in copies or i.sitter in sitters]
