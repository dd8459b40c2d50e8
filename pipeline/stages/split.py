"""Stage `split`: deal the sitters of a data set to train, val and test in data/splits/DATASET/.

A sitter stands in one subset only, together with all sitters who share a near-duplicate picture with them or whose name
is spelled alike. Kind `images` deals each sitter's images instead; kind `pairs` takes the pairs that a data set comes
with, all for testing. If several images of one sitter show one picture, one of them is used (see `splits.copies`).
Portraits of unidentified people have no sitter; their subset is `unidentified`.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import SitterError, nearest
from pipeline.core.layout import Layout
from pipeline.core.names import spelled_alike
from pipeline.splits.artists import Artists, known_artists
from pipeline.splits.by_images import deal_images
from pipeline.splits.by_sitters import deal_sitters, keep_artists_apart
from pipeline.splits.copies import find_copies
from pipeline.splits.given_pairs import listed_pairs, seats_of_pairs
from pipeline.splits.like import seats_of_another
from pipeline.splits.seats import NO_SEAT, check_filled, seated
from pipeline.splits.summary import summarise
from pipeline.store.accounts import ALIGNED, read_images
from pipeline.store.splits import ListedPair, Split, each_seated, split_file, write_split

if TYPE_CHECKING:
    from pipeline.params import Study

logger = logging.getLogger(__name__)


def run(study: Study, dataset: str, root: Path = Path()) -> None:
    """Write `split.csv` (image_id, sitter, subset, fold, origin, picture) and `near-duplicates.csv` of a data set.

    The project is the one in the working directory, or in `root`.

    A data set that comes with pairs gets `pairs.csv` (image_a, image_b, genuine, fold), too. `picture` is the best of
    the images that show the same picture; it is empty if no other image shows it.

    Raises:
        SitterError: there is no such entry, no aligned image, too few sitters (images) for the wanted shares, or no
            pairs.
    """
    at = Layout.of(study, root)
    if dataset not in study.split:
        raise SitterError(f"split has no entry {dataset!r}; {nearest(dataset, study.split)}")
    entry = study.split[dataset]
    account = read_images(dataset, at)
    images = [image for image in account.images if image.status == ALIGNED]
    if not images:
        raise SitterError(
            f"{account.path} has no row with status aligned: there is no face to split. Its column reason says why."
        )
    originals = [image for image in images if image.sitter and not image.origin]
    faces = None
    if originals and entry.kind != "pairs" and entry.near_duplicates:
        from pipeline.store.faces import FaceStore

        faces = FaceStore(at.faces(dataset)).chosen(image.image_id for image in originals)
    copies = find_copies(originals, faces)

    pairs: list[ListedPair] = []
    artists_of: Artists = {}
    ties: list[tuple[str, str]] = []
    if entry.kind == "pairs":
        pairs = listed_pairs(account, entry.folds, dataset)
        seats = seats_of_pairs(images, pairs, copies, dataset)
    elif not any(image.sitter for image in images):
        seats = [NO_SEAT] * len(images)
    elif entry.kind == "sitters":
        if entry.artists != "ignore":
            artists_of = known_artists(account, study.nobody, entry.unknown_artists, dataset)
        ties = copies.ties + spelled_alike(image.sitter for image in images)
        seats = deal_sitters(images, entry, ties, artists_of, study.seed, dataset)
    elif entry.kind == "images":
        seats = deal_images(images, entry, study.seed)
    else:
        others, split_by = each_seated(entry.dataset, at), study.split[entry.dataset].kind
        seats = seats_of_another(images, others, split_by, dataset, entry.dataset, split_file(entry.dataset, at))

    rows = seated(images, seats, copies, one_side=entry.kind != "pairs")
    if entry.kind == "images":
        check_filled(rows, entry, dataset)
    elif entry.kind == "sitters" and entry.artists == "drop" and artists_of:
        keep_artists_apart(rows, entry, ties, artists_of, study.seed, dataset)
    split = Split(at.split(dataset), rows, pairs, copies.pairs, artists_of)
    write_split(split)
    apart = entry.artists if entry.kind == "sitters" else "ignore"
    for level, text in summarise(split, copies.pictures, apart):
        logger.log(level, f"{dataset}: {text}")
