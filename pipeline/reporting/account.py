"""The account of the data: the outcome of alignment for every image, and the sitters and images of each subset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.params.render import Render
from pipeline.params.sources.base import SourceOptions
from pipeline.reporting.album import EmbeddedPicture, StudyAlbum, spread
from pipeline.store.accounts import ALIGNED, DROPPED, NO_FACE, UNREADABLE, Accounted, Alignment
from pipeline.store.splits import UNIDENTIFIED, UNUSED, SplitCounts

SUBSETS = ("train", "val", "test", UNUSED, UNIDENTIFIED)
LISTED = 200
"""Largest number of images without a face that are listed by name; `faces.csv` has them all."""
KEPT = 10_000
"""Largest number of such images that are kept in memory; the images that are shown are chosen from these."""
SHOWN = 18
"""Largest number of images without a face, and of images with several faces, that are shown."""


@dataclass(frozen=True)
class Images:
    """Everything that the report shows about the images of a data set."""

    name: str
    source: SourceOptions | Render
    aligned: Alignment
    split: SplitCounts
    root: Path
    """Root of the project, at which paths on the page start."""


@dataclass(frozen=True)
class ImageToCheck:
    """An image that a human should check: no face found, unreadable, or several faces."""

    image_id: str
    sitter: str
    status: str
    reason: str
    picture: EmbeddedPicture | None
    box: tuple[float, float, float, float] | None
    """The chosen face: x, y, width, height in pixels of the picture."""


@dataclass(frozen=True)
class DataSet:
    """The account of one data set."""

    name: str
    about: str
    images: int
    aligned: int
    no_face: int
    unreadable: int
    several: int
    dropped: int
    corrected: int
    """Number of faces that a human has corrected; `dropped` counts the images that a human has dropped."""
    doubtful: str
    """The page of doubtful faces for a human to check; empty where there is none."""
    reasons: list[tuple[str, int]]
    failures: list[ImageToCheck]
    shown: list[ImageToCheck]
    crowds: list[ImageToCheck]
    styles: list[tuple[str, int, int]]
    """For painted sets: style, number of images, number of aligned images."""
    subsets: Sequence[tuple[str, int, int]]
    """Subset, number of sitters, number of images."""
    copies: tuple[int, int]
    """Number of pairs of images that show the same picture: of one sitter, and under the names of two sitters."""
    sheet: EmbeddedPicture | None


def data_set(found: Images, album: StudyAlbum) -> DataSet:
    """Return the account of a data set that has been aligned."""
    statuses: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    styles: Counter[str] = Counter()
    aligned_styles: Counter[str] = Counter()
    failed: list[Accounted] = []
    crowds: list[Accounted] = []
    several = corrected = 0
    for image in found.aligned.images:
        statuses[image.status] += 1
        styles[image.style] += 1
        if image.status == DROPPED:
            continue
        corrected += bool(image.corrected)
        if image.status != ALIGNED:
            reasons[image.reason or image.status] += 1
            failed += [image] if len(failed) < KEPT else []
            continue
        aligned_styles[image.style] += 1
        if (image.faces or 0) > 1:
            several += 1
            crowds += [image] if len(crowds) < KEPT else []
    numbers = found.split.subsets
    shown = [_case(found.name, image, album) for image in spread([i for i in failed if i.status == NO_FACE], SHOWN)]
    return DataSet(
        name=found.name,
        about=_about(found.source),
        images=statuses.total(),
        aligned=statuses[ALIGNED],
        no_face=statuses[NO_FACE],
        unreadable=statuses[UNREADABLE],
        several=several,
        dropped=statuses[DROPPED],
        corrected=corrected,
        doubtful=found.aligned.doubtful.relative_to(found.root).as_posix() if found.aligned.doubtful else "",
        reasons=reasons.most_common(),
        failures=[_case(found.name, image, None) for image in failed[:LISTED]],
        shown=[case for case in shown if case.picture is not None],
        crowds=[_case(found.name, image, album) for image in spread(crowds, SHOWN)],
        styles=[(s, n, aligned_styles[s]) for s, n in sorted(styles.items()) if s],
        subsets=[(subset, *numbers[subset]) for subset in SUBSETS if subset in numbers],
        copies=found.split.copies,
        sheet=album.sheet(found.name) if isinstance(found.source, Render) else None,
    )


def _about(source: SourceOptions | Render) -> str:
    if isinstance(source, Render):
        return f"{source.renderings} paintings of each image of {source.dataset}, at strength {source.strength:g}"
    return f"as delivered ({source.kind})"


def _case(dataset: str, image: Accounted, album: StudyAlbum | None) -> ImageToCheck:
    picture = album.thumbnail(dataset, image.path) if album and image.path else None
    box = _box(image, picture) if image.status == ALIGNED else None
    return ImageToCheck(image.image_id, image.sitter, image.status, image.reason, picture, box)


def _box(image: Accounted, picture: EmbeddedPicture | None) -> tuple[float, float, float, float] | None:
    """Return the box of the chosen face in the picture, which is smaller than the image; None where it is unknown."""
    x0, y0, x1, y1 = image.x0, image.y0, image.x1, image.y1
    if picture is None or not image.width or x0 is None or y0 is None or x1 is None or y1 is None:
        return None
    scale = picture.width / image.width
    return round(x0 * scale, 1), round(y0 * scale, 1), round((x1 - x0) * scale, 1), round((y1 - y0) * scale, 1)
