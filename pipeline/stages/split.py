"""Stage `split`: deal the sitters of a data set to train, val and test in data/splits/DATASET/.

A sitter stands in one subset only, and so do all who share a near-duplicate picture or all but a name with it. Kind
`images` deals each sitter's images instead; kind `pairs` takes the pairs that a data set comes with, all for testing.
Of several images of one sitter that show one picture, one is used (see `splits.copies`). Portraits of unidentified
people, whose sitter is empty, are dealt to nobody: their subset is `unidentified`.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import SitterError, nearest
from pipeline.core.files import output_folder
from pipeline.core.names import same
from pipeline.core.nobody import nobody
from pipeline.plan.layout import Layout
from pipeline.splits import artists
from pipeline.splits.artists import SUBSETS
from pipeline.splits.copies import COLUMNS as COPY_COLUMNS
from pipeline.splits.copies import Copies, find, leave_out, sentence
from pipeline.splits.deal import SHOWN, Row, Seat, deal, leave_out_renderings, lot, seated, seats_of, together
from pipeline.splits.identical import same_files
from pipeline.store.accounts import ALIGNED, account_file, read_account
from pipeline.store.accounts import REQUIRED as GIVEN
from pipeline.store.splits import UNIDENTIFIED, UNUSED, copies_file, write_split

if TYPE_CHECKING:
    from pipeline.params import Study

logger = logging.getLogger(__name__)

FURTHER = ("origin", "rendering", "artist")


def run(study: Study, dataset: str, root: Path = Path()) -> None:
    """Write `split.csv` (image_id, sitter, subset, fold, origin, picture) and `near-duplicates.csv` of a data set.

    The project is the one in the working directory, or in `root`.

    A data set that comes with pairs gets `pairs.csv` (image_a, image_b, genuine, fold), too. `picture` is the best of
    the images that show the same picture; it is empty where no other image does.

    Raises:
        SitterError: no such entry, nothing aligned, too few sitters (images) for the shares asked for, or no pairs.
    """
    at = Layout.of(study, root)
    if dataset not in study.split:
        raise SitterError(f"split has no entry {dataset!r}; {nearest(dataset, study.split)}")
    entry = study.split[dataset]
    files = same_files(dataset, at)  # before the faces, which take up memory
    everyone = aligned(dataset, at)
    faces = [face for face in everyone if face["sitter"]]
    if not faces and entry.kind != "pairs":
        write(at, dataset, seated(everyone, lambda face: Seat(UNUSED, 0)), Copies())
        return
    copies = find(dataset, faces, files, near=entry.kind != "pairs" and entry.near_duplicates, at=at)
    pairs: list[Row] = []
    tied: dict[str, tuple[str, ...]] = {}
    how = ""
    if entry.kind == "sitters":
        images = Counter(face["sitter"] for face in faces)
        alike = copies.ties() + same_but_for_spelling(images)
        how = entry.artists
        if how != "ignore":
            also = (*study.nobody.also, *entry.unknown_artists)
            tied = artists.artists(faces, nobody(also, study.nobody.names), dataset)
        groups = together(images, alike + (artists.shared(faces, tied) if how == "join" else []))
        if how == "join":
            size = max(map(len, groups))
            logger.info(
                f"{dataset}: shared artists tie {len(images)} sitters into {len(groups)} groups, the largest of {size}"
            )
        seats = deal(groups, entry, study.seed, dataset)
        rows = seated(everyone, lambda face: seats[face["sitter"]])
        leave_out(rows, copies)
        if how == "drop":
            artists.leave_out(rows, tied, entry, dataset)
            artists.fold_together(rows, tied, entry.folds, partial(lot, study.seed), together, alike)
    elif entry.kind == "images":
        from pipeline.splits.by_images import check_shares, seat, seat_by, seats_of_each_sitter

        if entry.of_each_sitter:
            chosen = seats_of_each_sitter(faces, entry, study.seed)
            rows = seated(everyone, lambda face: Seat(*seat_by(chosen, face, entry, study.seed)))
        else:
            rows = seated(everyone, lambda face: Seat(*seat(face, entry, study.seed)))
        leave_out(rows, copies)
        check_shares(rows, entry, dataset)
    elif entry.kind == "pairs":
        from pipeline.splits.given_pairs import read_pairs, tested, warn_of_copies

        pairs = read_pairs(dataset, entry.folds, at)
        places = tested(pairs)
        rows = seated(everyone, lambda face: Seat(*places.get(face["image_id"], (UNUSED, 0))))
        leave_out(rows, copies, one_side=False)
        warn_of_copies(dataset, pairs, {image_id: p for p, ids in copies.pictures.items() for image_id in ids})
    else:
        by = "origin" if study.split[entry.dataset].kind == "images" else "sitter"
        seats = seats_of(entry.dataset, {face.get(by) or "" for face in faces}, dataset, by, at)
        rows = seated(everyone, lambda face: seats[face.get(by) or ""])
        leave_out(rows, copies)
        leave_out_renderings(rows, entry.dataset, at)
    named = [row for row in rows if row["subset"] != UNIDENTIFIED]
    write(at, dataset, rows, copies, pairs, artists.account(named, tied, how, dataset) if tied else ())


def write(
    at: Layout,
    dataset: str,
    rows: Sequence[Row],
    copies: Copies,
    pairs: Sequence[Row] = (),
    by_artist: Sequence[Row] = (),
) -> None:
    """Write the folder of a split, and say what stands where."""
    with output_folder(at.split(dataset)) as folder:
        write_split(folder, rows, pairs, (copies.rows, COPY_COLUMNS), (by_artist, artists.COLUMNS))
    report(at, dataset, rows, copies, pairs)


def aligned(dataset: str, at: Layout) -> list[Row]:
    """Rows of `faces.csv` whose face was aligned, in its order."""
    faces = [r for r in read_account(dataset, GIVEN, only=(*GIVEN, *FURTHER), at=at) if r["status"] == ALIGNED]
    if not faces:
        raise SitterError(f"{account_file(dataset, at)} has no row with status aligned: there is no face to split.")
    return faces


def same_but_for_spelling(sitters: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of names that differ only by case, spaces, underscores or the encoding of accents; warns of them."""
    by_key: dict[str, list[str]] = defaultdict(list)
    for name in sorted(sitters):
        by_key[same(name)].append(name)
    alike = [names for names in by_key.values() if len(names) > 1]
    if alike:
        shown = "; ".join(" / ".join(map(repr, names)) for names in alike[:SHOWN]) + (
            " …" if len(alike) > SHOWN else ""
        )
        logger.warning(
            f"sitters' names that differ only by case or spaces: {shown}. They count as different sitters, "
            "kept on one side; if they are one person, give them one name."
        )
    return [pair for names in alike for pair in pairwise(names)]


def report(at: Layout, dataset: str, rows: Sequence[Row], copies: Copies, pairs: Sequence[Row] = ()) -> None:
    """Say what stands where, and what will be missed."""
    images: dict[str, Counter[str]] = {s: Counter() for s in ("train", "val", "test", UNUSED, UNIDENTIFIED)}
    for row in rows:
        images[row["subset"]][row["sitter"]] += 1
    for subset, sitters in images.items():
        alone = sorted(name for name, n in sitters.items() if n == 1)
        if alone and subset in SUBSETS and not pairs:
            none = "none has a second, so that there are no genuine pairs"
            what = none if len(alone) == len(sitters) else "they give no genuine pairs"
            names = ", ".join(alone[:SHOWN]) + (" …" if len(alone) > SHOWN else "")
            logger.warning(
                f"{dataset}: {len(alone)} of {len(sitters)} {subset} sitters have one image: {what}. "
                f"Add images of them where you can: {names}"
            )
    if copies.pictures:
        told = sentence(copies, stay=bool(pairs))
        logger.warning(f"{dataset}: {told}; look at {copies_file(dataset, at)}")
    parts = [f"{s} {len(n)} sitters, {n.total()} images" for s, n in images.items() if n and s in SUBSETS]
    parts += [f"{images[UNUSED].total()} images unused"] if images[UNUSED] else []
    if images[UNIDENTIFIED]:
        number = images[UNIDENTIFIED].total()
        parts.append(f"{number} portraits of unidentified sitters, in no training and no benchmark")
    parts += [f"{len(pairs)} pairs, {sum(p['genuine'] == '1' for p in pairs)} genuine"] if pairs else []
    logger.info(f"{dataset}: " + "; ".join(parts))
