"""Stage `render`: paint the photographs of a data set.

The stage reads `data/raw/<source>/` and writes to `data/raw/<dataset>/`: the paintings, a contact sheet of all styles
at several strengths, and a list of the photographs that could not be read.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pipeline.core.errors import SitterError
from pipeline.core.files import output_folder
from pipeline.core.layout import Layout
from pipeline.core.parallel import cores, in_order
from pipeline.core.progress import progress
from pipeline.store.columns import GIVEN
from pipeline.store.raw import (
    CONTACT_SHEET,
    PASSED_OVER,
    PassedOver,
    RawImage,
    each_raw,
    further_columns,
    manifest_file,
    write_manifest,
    write_passed_over,
)

if TYPE_CHECKING:
    from pipeline.params import Study
    from pipeline.params.render import Render

logger = logging.getLogger(__name__)

CHUNK = 8


def run(study: Study, dataset: str, root: Path = Path()) -> None:
    """Paint one data set.

    Raises:
        SitterError: the photographs are not there yet, or none of them can be read.
    """
    at = Layout.of(study, root)
    settings = study.render[dataset]
    source = at.raw(settings.dataset)
    photographs = _photographs(settings.dataset, at)
    workers = min(cores(), -(-len(photographs) // CHUNK))
    with output_folder(at.raw(dataset)) as folder:
        make = partial(_painter, source, folder, study.seed, settings)
        done = list(
            progress(in_order(make, photographs, workers, CHUNK), f"render {dataset}", len(photographs), "photo")
        )
        painted = [image for images, _ in done for image in images]
        unread = [
            PassedOver(given.image_id, given.path, reason)
            for given, (_, reason) in zip(photographs, done, strict=True)
            if reason
        ]
        if not painted:
            raise SitterError(
                f"none of the {len(unread)} photographs of {settings.dataset} can be read; the first: "
                f"{unread[0].path}: {unread[0].reason}. Replace them, and run download again."
            )
        if unread:
            write_passed_over(folder, unread)
        _contact_sheet(
            folder / CONTACT_SHEET, source, photographs, {photograph.image_id for photograph in unread}, study, settings
        )
        write_manifest(folder, painted, further_columns(painted[:1]))
    _summarise(at.raw(dataset), settings, len(photographs), len(painted), unread)


def _photographs(dataset: str, at: Layout) -> list[RawImage]:
    """Return the images of the source; raises SitterError if an id cannot serve as the name of a file."""
    manifest, photographs = manifest_file(dataset, at), list(each_raw(dataset, at, GIVEN))
    if not photographs:
        raise SitterError(f"{manifest} names no images: check the entry under download.")
    seen: set[str] = set()
    for photograph in photographs:
        image_id = PurePosixPath(photograph.image_id)
        if not photograph.image_id or image_id.is_absolute() or ".." in image_id.parts:
            raise SitterError(f"{manifest}: image_id {photograph.image_id!r} is no relative path: rename it.")
        if photograph.image_id in seen:
            raise SitterError(f"{manifest}: image_id {photograph.image_id!r} stands in several rows: name it once.")
        seen.add(photograph.image_id)
    return photographs


def _painter(
    source: Path, folder: Path, seed: int, settings: Render
) -> Callable[[RawImage], tuple[list[RawImage], str]]:
    """Make a function that paints all renderings of a photograph and returns them, or why there are none.

    Each worker calls this.
    """
    import cv2

    from pipeline.faces.image import UnreadableImage, read_image
    from pipeline.painting import mount, paint
    from pipeline.painting.jpeg import write_jpeg

    cv2.setNumThreads(1)

    def painter(given: RawImage) -> tuple[list[RawImage], str]:
        try:
            photograph = read_image(source / given.path)
        except UnreadableImage as error:
            return [], error.reason
        canvas = mount(photograph, settings.margin, settings.face)
        found = []
        for k in range(settings.renderings):
            style = style_of(seed, given.image_id, k, settings.styles)
            painting = paint(
                canvas,
                style,
                settings.strength,
                seed_of(seed, given.image_id, k),
                face=settings.face,
                margin=settings.margin,
            )
            image_id = f"{given.image_id}~{k}"
            path = f"{image_id}.jpg"
            found.append(given.rendered(k, style, image_id, path, write_jpeg(folder / path, painting)))
        return found, ""

    return painter


def seed_of(seed: int, image_id: str, rendering: int) -> int:
    """Return the seed of a painting, from its name and the study's seed alone; order and workers do not matter."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{image_id}/{rendering}".encode()).digest()[:8], "big")


def style_of(seed: int, image_id: str, rendering: int, styles: tuple[str, ...]) -> str:
    """Return the style of a painting; each photograph goes through all styles in an order of its own."""
    order = sorted(styles, key=lambda style: hashlib.sha256(f"{seed}/{image_id}/{style}".encode()).digest())
    return order[rendering % len(order)]


def _contact_sheet(
    path: Path, source: Path, photographs: list[RawImage], unread: set[str], study: Study, settings: Render
) -> None:
    """Write a sheet with photographs of a few sitters in every style, and one of them at several strengths."""
    from pipeline.faces.image import read_image
    from pipeline.painting.sheet import ROWS, contact_sheet

    first = {given.sitter: given for given in reversed(photographs) if given.image_id not in unread}
    sitters = list(first)[::-1]
    chosen = [first[s] for s in sitters[:: max(len(sitters) // ROWS, 1)][:ROWS]]
    pictures = [(given.image_id, read_image(source / given.path)) for given in chosen]
    seeds = [[seed_of(study.seed, given.image_id, 1000 + k) for k in range(len(settings.styles))] for given in chosen]
    contact_sheet(path, pictures, seeds, settings.styles, settings.strength, settings.margin, settings.face)


def _summarise(folder: Path, settings: Render, photographs: int, paintings: int, unread: list[PassedOver]) -> None:
    """Log the number of paintings and of unreadable photographs, and the files that show them."""
    dataset = folder.name
    styles = f"{len(set(settings.styles))} style{'s' if len(set(settings.styles)) > 1 else ''}"
    logger.info(
        f"{dataset}: {paintings} paintings of {photographs - len(unread)} photographs in {styles}, strength "
        f"{settings.strength:g}; see {folder / CONTACT_SHEET}"
    )
    if unread:
        logger.info(
            f"{dataset}: {len(unread)} unreadable photographs passed over; {folder / PASSED_OVER} has the reasons"
        )
