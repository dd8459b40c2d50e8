"""One picture counts once: which images of a data set show the same picture, and what a split does about them.

Images are the same picture if they are the same file (by the checksum in the manifest) with the face at the same place,
or near-duplicates (see `faces.duplicates`), directly or through others. Of the images of one sitter that show one
picture the best is used, the others are unused: the largest, of equals the one whose face is surest, then the first by
name. One picture under two to four sitters' names ties these sitters to one side of the split; no benchmark counts the
pair, and nothing is trained or validated on it. A picture under five names or more says nothing of anybody («image not
available»): it is unused throughout.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from pipeline.core.errors import SitterError
from pipeline.core.files import each_row
from pipeline.plan.layout import HERE, Layout
from pipeline.splits.artists import SUBSETS
from pipeline.splits.identical import rows_with
from pipeline.store.accounts import account_file
from pipeline.store.splits import UNUSED

PLACEHOLDER = 5
COLUMNS = ["image_a", "image_b", "sitter_a", "sitter_b", "similarity", "sitters", "found_by"]
Row = dict[str, str]


@dataclass(frozen=True)
class Copies:
    """The images of a data set that show the same picture as another."""

    rows: list[Row] = field(default_factory=list)
    """Rows of `near-duplicates.csv`."""
    pictures: dict[str, list[str]] = field(default_factory=dict)
    """Image ids of each picture that several images show, the best first, by the id of the best."""
    sitter_of: dict[str, str] = field(default_factory=dict)

    def sitters(self, picture: str) -> list[str]:
        """The sitters under whose names a picture stands, sorted."""
        return sorted({self.sitter_of[image_id] for image_id in self.pictures[picture]})

    def ties(self) -> list[tuple[str, str]]:
        """Pairs of sitters who share a picture that is no placeholder."""
        named = (self.sitters(picture) for picture in self.pictures)
        return [pair for names in named if len(names) < PLACEHOLDER for pair in pairwise(names)]


def find(dataset: str, faces: Sequence[Row], files: Sequence[tuple[str, str]], near: bool, at: Layout = HERE) -> Copies:
    """Find the images that show the same picture; renderings and images of nobody are not looked at.

    Args:
        dataset: whose faces they are.
        faces: aligned faces: image_id, sitter, and origin where there is one.
        files: what `same_files` found.
        near: look for near-duplicates, too.
        at: the project that the data set is in.

    Raises:
        SitterError: faces.csv names a face that no shard holds.
    """
    known = {image_id for pair in files for image_id in pair}
    originals = [
        face
        for face in (faces if near or known else ())
        if face["sitter"] and not face.get("origin") and (near or face["image_id"] in known)
    ]
    number = {face["image_id"]: n for n, face in enumerate(originals)}
    root = list(range(len(originals)))
    found: list[tuple[int, int, float, str]] = []

    def join(links: Iterable[tuple[int, int, float]], how: str) -> set[int]:
        """Take over pairs that are not joined yet; returns the pictures that grew."""
        joined = []
        for a, b, similarity in links:
            found.append((a, b, similarity, how))
            first, second = sorted((_root(root, a), _root(root, b)))
            if first != second:
                root[second] = first
                joined.append(first)
        return {_root(root, n) for n in joined}

    join(((number[a], number[b], 1.0) for a, b in files), "same file")
    if near and originals:
        search = _searcher(originals, at.faces(dataset))
        looked_at = sorted({_root(root, n) for n in range(len(originals))})
        while looked_at:  # chains end where each image's nearest is in its own chain: so look at one of each again
            looked_at = sorted(join(search(looked_at), "likeness"))
    pictures: dict[int, list[str]] = defaultdict(list)
    for n in {n for a, b, _, _ in found for n in (a, b)}:
        pictures[_root(root, n)].append(originals[n]["image_id"])
    if not pictures:
        return Copies()
    better = _better(account_file(dataset, at), {image_id for ids in pictures.values() for image_id in ids})
    ordered = sorted(sorted(ids, key=better) for ids in pictures.values())
    rows = [_row(originals[a], originals[b], similarity, how) for a, b, similarity, how in sorted(found)]
    sitter_of = {image_id: originals[number[image_id]]["sitter"] for ids in ordered for image_id in ids}
    return Copies(rows, {ids[0]: ids for ids in ordered}, sitter_of)


def _root(root: list[int], n: int) -> int:
    while root[n] != n:
        root[n] = n = root[root[n]]
    return n


def _row(a: Row, b: Row, similarity: float, how: str) -> Row:
    same = "same" if a["sitter"] == b["sitter"] else "different"
    values = (a["image_id"], b["image_id"], a["sitter"], b["sitter"], f"{similarity:.4f}", same, how)
    return dict(zip(COLUMNS, values, strict=True))


def _searcher(originals: Sequence[Row], folder: Path) -> Callable[[Sequence[int]], list[tuple[int, int, float]]]:
    """A search for near-duplicates among some of the images, by their numbers."""
    from pipeline.faces.duplicates import near_duplicates
    from pipeline.faces.frames import frames_of
    from pipeline.store.faces import FaceStore

    store = FaceStore(folder)
    place = {image_id: i for i, image_id in enumerate(store.image_ids)}
    absent = [face["image_id"] for face in originals if face["image_id"] not in place]
    if absent:
        raise SitterError(
            f"{store.folder}: faces.csv says that {absent[0]} is aligned, but no shard holds it: align it again."
        )
    where = [place[face["image_id"]] for face in originals]
    number = {row: n for n, row in enumerate(where)}
    frames = frames_of(store)

    def search(chosen: Sequence[int]) -> list[tuple[int, int, float]]:
        places, sitters = [where[n] for n in chosen], [originals[n]["sitter"] for n in chosen]
        pairs = near_duplicates(store, places, sitters, frames.select(places))
        return [(number[a], number[b], similarity) for a, b, similarity in pairs]

    return search


def _better(table: Path, image_ids: set[str]) -> Callable[[str], tuple[float, float, str]]:
    """A key that sorts images of one picture, the best first: by pixels, by the detector's score, by name."""
    import pyarrow as pa
    import pyarrow.compute as pc

    known = dict.fromkeys(image_ids, (0.0, 0.0))
    columns = [column for column in ("width", "height", "score") if column in next(each_row(table), {})]
    wanted = pa.array(sorted(image_ids), pa.string())
    for row in rows_with(table, ["image_id", *columns], lambda batch: pc.is_in(batch.column("image_id"), wanted)):
        width, height, score = (float(row.get(column) or 0) for column in ("width", "height", "score"))
        known[row["image_id"]] = -width * height, -score
    return lambda image_id: (*known[image_id], image_id)


def leave_out(rows: Iterable[Row], copies: Copies, one_side: bool = True) -> None:
    """Note in each row which picture it shows, where others show it, too, and leave out what must not count twice.

    Args:
        rows: of the split, changed in place.
        copies: what `find` found.
        one_side: leave out copies, and what would stand on two sides of a border between subsets or folds; a data set
            that comes with pairs keeps them.
    """
    by_id = {row["image_id"]: row for row in rows} if copies.pictures else {}
    for picture, image_ids in copies.pictures.items():
        own = [by_id[image_id] for image_id in image_ids]
        for row in own:
            row["picture"] = picture
        if not one_side:
            continue
        placeholder = len(copies.sitters(picture)) >= PLACEHOLDER
        seen: set[str] = set()
        for row in own:
            if placeholder or row["sitter"] in seen:
                row["subset"] = UNUSED
            elif row["subset"] != UNUSED:
                seen.add(row["sitter"])
        sides = [_side(row) for row in own if row["subset"] in SUBSETS]
        for row in own:
            if row["subset"] not in SUBSETS:
                continue
            learned = row["subset"] != "test" and sides.count(min(sides)) > 1  # one picture, two names: a wrong label
            if learned or _side(row) != min(sides):
                row["subset"] = UNUSED


def _side(row: Row) -> tuple[int, str]:
    """Subset and fold, in the order in which they are kept."""
    return SUBSETS.index(row["subset"]), row["fold"]


def sentence(copies: Copies, stay: bool = False) -> str:
    """Say how many pictures several images show, and what becomes of them.

    Args:
        copies: what `find` found; not empty.
        stay: copies of one sitter stay in use, since the pairs of the data set are given.
    """
    names = {picture: copies.sitters(picture) for picture in copies.pictures}
    spare = sum(
        len(ids) - len(names[picture]) for picture, ids in copies.pictures.items() if len(names[picture]) < PLACEHOLDER
    )
    shared = sum(1 < len(own) < PLACEHOLDER for own in names.values())
    placeholders = [picture for picture, own in names.items() if len(own) >= PLACEHOLDER]
    parts = []
    if spare:
        parts.append(
            f"{spare} images are copies of another image of the same sitter" + ("" if stay else " and stay unused")
        )
    if shared:
        parts.append(
            f"{shared} pictures stand under different sitters' names (near-duplicates): they are kept on one side, and "
            "nothing is measured or learned of such a pair"
        )
    if placeholders:
        images = sum(len(copies.pictures[picture]) for picture in placeholders)
        most = max(len(names[picture]) for picture in placeholders)
        parts.append(
            f"{images} images show {len(placeholders)} pictures that stand under up to {most} sitters' names"
            + ("" if stay else " and so show nobody: they stay unused")
        )
    return "; ".join(parts)
