"""Aligns millions of images in parts: each process writes the outcomes of its share, and one process joins them.

A launcher (srun, torchrun) starts the processes, on one node or on several that share a file system, and ends them all
if one of them fails. A part that exists is not made again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.core.files import MANIFEST
from pipeline.faces.aligner import AlignedImage
from pipeline.store.accounts import ALIGNED, each_account_in
from pipeline.store.faces import FaceStore

logger = logging.getLogger(__name__)

POLL = 0.2


def joined(folders: Sequence[Path]) -> Iterator[AlignedImage]:
    """Yield the outcomes of all parts in order, each part as soon as it exists."""
    for folder in folders:
        if not (folder / MANIFEST).exists():
            logger.info(f"waiting for {folder}")
        while not (folder / MANIFEST).exists():
            time.sleep(POLL)
        yield from read_part(folder)


def read_part(folder: Path) -> Iterator[AlignedImage]:
    """Yield the outcomes that an aligned folder holds, row by row."""
    store, faces = None, 0
    for image in each_account_in(folder):
        if image.status != ALIGNED:
            yield AlignedImage(image)
            continue
        store = store or FaceStore(folder)
        yield AlignedImage(image, store.face(faces))
        faces += 1
