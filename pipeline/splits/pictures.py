"""Names the picture that an image shows: all images of one picture have one name, also across data sets.

Within a data set, `split` has found the copies (column `picture` of `split.csv`). A rendering shows the picture of the
photograph that it was made from. Data sets that a benchmark compares with each other may hold the same picture, too: as
the same file, or as near-duplicates.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.splits.copies import same_place
from pipeline.store.accounts import each_file
from pipeline.store.splits import TESTED, Seated, each_seated, split_file

if TYPE_CHECKING:
    from pipeline.core.pixels import RGBImage
    from pipeline.faces.same_frame import Frames
    from pipeline.params import Study

logger = logging.getLogger(__name__)


class PictureName(Protocol):
    """Names the picture that an image of a data set shows."""

    def __call__(self, image_id: str, origin: str, picture: str = "") -> str:
        """Return the name; the arguments are as in `Seated`."""


@dataclass(frozen=True, slots=True)
class PicturedImage:
    """An image of a data set."""

    dataset: str
    image_id: str
    sitter: str


def picture_names(study: Study, dataset: str, at: Layout) -> PictureName:
    """Return a function that names the picture of an image of a data set.

    The name holds the data set and id of a photograph (`orl:s1/10`): the image itself, the best of its copies, or the
    photograph that a rendering was made from.
    """
    photographs = study.photographs_of(dataset)
    copies: dict[str, str] = {}
    if photographs != dataset and photographs in study.split:
        copies = {row.image_id: row.picture for row in each_seated(photographs, at) if row.picture}

    def name(image_id: str, origin: str, picture: str = "") -> str:
        return f"{photographs}:{copies.get(origin, origin)}" if origin else f"{dataset}:{picture or image_id}"

    return name


def shown(name: PictureName, image: Seated) -> str:
    """Return the name of the picture that an image of a split shows."""
    return name(image.image_id, image.origin, image.picture)


def across(
    study: Study, splits: Mapping[str, Mapping[str, Seated]], compared: Iterable[tuple[str, str]], at: Layout
) -> dict[str, str]:
    """Find the pictures that two compared data sets both hold; renderings are skipped.

    Near-duplicates are searched for if both data sets also search for them within themselves.

    Args:
        study: the study, which says how the data sets are split.
        splits: the images of the splits, by data set and image id.
        compared: pairs of different data sets.
        at: the project that holds them.

    Returns:
        For each further name of a picture (see `picture_names`), the one name to use instead.
    """
    root: dict[str, str] = {}

    def find(name: str) -> str:
        while (above := root.get(name, name)) != name:
            name = above
        return name

    for pair in compared:
        images = [
            PicturedImage(dataset, image_id, image.sitter)
            for dataset in pair
            for image_id, image in splits[dataset].items()
            if image.subset in TESTED and image.sitter and not image.origin
        ]
        if len({image.dataset for image in images}) < 2:
            continue
        links = list(_same_files(images, at))
        if all((split := study.split[d]).kind != "pairs" and split.near_duplicates for d in pair):
            links += _near(images, at)
        names = {dataset: picture_names(study, dataset, at) for dataset in pair}
        shared = set()
        for a, b in links:
            low, high = sorted(find(shown(names[i.dataset], splits[i.dataset][i.image_id])) for i in (a, b))
            if low != high:
                root[high] = low
            if a.dataset != b.dataset:
                shared.add(b.image_id if b.dataset == pair[1] else a.image_id)
        if shared:
            logger.warning(
                f"{len(shared)} test images of {pair[1]} show the same picture as test images of {pair[0]}: "
                f"no benchmark counts such a pair: {', '.join(sorted(shared)[:3])}{' …' if len(shared) > 3 else ''}"
            )
    return {name: find(name) for name in root}


def _same_files(images: Sequence[PicturedImage], at: Layout) -> Iterable[tuple[PicturedImage, PicturedImage]]:
    """Yield pairs of images of different data sets that are the same file with the face at the same place."""
    by_file: dict[str, list[tuple[PicturedImage, tuple[str, ...]]]] = defaultdict(list)
    wanted = {(image.dataset, image.image_id): image for image in images}
    for dataset in dict.fromkeys(image.dataset for image in images):
        for file in each_file(dataset, at):
            image = wanted.get((dataset, file.image_id))
            if image is None or not file.sha256:
                continue
            for other, place in by_file[file.sha256]:
                if other.dataset != dataset and same_place(file.box, place):
                    yield other, image
            by_file[file.sha256].append((image, file.box))


def _near(images: Sequence[PicturedImage], at: Layout) -> list[tuple[PicturedImage, PicturedImage]]:
    from pipeline.faces.duplicates import near_duplicates

    crops = ImageCrops(images, at)
    found = near_duplicates(crops, [image.sitter for image in images], crops.frames())
    return [(images[a], images[b]) for a, b, _ in found]


class ImageCrops:
    """The crops of a list of images from several data sets, by the image's number in the list."""

    def __init__(self, images: Sequence[PicturedImage], at: Layout) -> None:
        """Open the faces of the data sets.

        Raises:
            SitterError: an image has no face.
        """
        from pipeline.store.faces import FacesById

        self.faces = FacesById({image.dataset for image in images}, at)
        for image in images:
            if (image.dataset, image.image_id) not in self.faces:
                raise SitterError(
                    f"{at.faces(image.dataset)} has no face of {image.image_id!r}, which is in "
                    f"{split_file(image.dataset, at)}: run align and split for {image.dataset} again."
                )
        self.places = [(image.dataset, self.faces.row(image.dataset, image.image_id)) for image in images]

    def __len__(self) -> int:
        return len(self.places)

    def crop(self, i: int) -> RGBImage:
        """Return the crop of an image, uint8 [112, 112, 3], RGB."""
        dataset, row = self.places[i]
        return self.faces.stores[dataset].crop(row)

    def frames(self) -> Frames:
        """Return the place of each face in its image."""
        import numpy as np

        from pipeline.faces.same_frame import Frames, frames_of

        known = {dataset: frames_of(store) for dataset, store in self.faces.stores.items()}
        landmarks = np.stack([known[dataset].landmarks[row] for dataset, row in self.places])
        return Frames(landmarks, np.stack([known[dataset].size[row] for dataset, row in self.places]))
