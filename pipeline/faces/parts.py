"""A data set aligned in parts, for millions of images: each process writes the outcomes of its share, one joins them.

The processes are those of a launcher (srun, torchrun), on one node or many that share a file system; the launcher ends
them all if one of them fails. A part that is there is not made again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.core.files import MANIFEST
from pipeline.faces.aligner import Outcome
from pipeline.store.accounts import ALIGNED, each_account_in
from pipeline.store.faces import FaceStore

logger = logging.getLogger(__name__)

POLL = 0.2


def joined(folders: Sequence[Path]) -> Iterator[Outcome]:
    """Outcomes of all parts in order, each part as soon as it is there."""
    for folder in folders:
        if not (folder / MANIFEST).exists():
            logger.info(f"waiting for {folder}")
        while not (folder / MANIFEST).exists():
            time.sleep(POLL)
        yield from read_part(folder)


def read_part(folder: Path) -> Iterator[Outcome]:
    """What an aligned folder holds, row by row as it was found."""
    store, faces = None, 0
    for row in each_account_in(folder):
        if row["status"] != ALIGNED:
            yield Outcome(row)
            continue
        store = store or FaceStore(folder)
        yield Outcome(row, store.face(faces))
        faces += 1
