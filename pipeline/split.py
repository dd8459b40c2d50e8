"""Stage `split`: deal the sitters of a data set to train, val and test in data/splits/DATASET/.

A sitter stands in one subset only, and so do all who share a near-duplicate picture or all but a name with it. Kind
`images` deals each sitter's images instead; kind `pairs` takes the pairs that a data set comes with, all for testing.
Portraits of unidentified people, whose sitter is empty, are dealt to nobody: their subset is `unidentified`.
"""

from __future__ import annotations

import hashlib
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from pipeline import paths
from pipeline.artifacts import output_folder, read_csv, write_csv
from pipeline.errors import SitterError, nearest
from pipeline.names import same, warn_of_alike
from pipeline.nobody import nobody
from pipeline.splits import artists
from pipeline.splits.artists import SUBSETS
from pipeline.splits.subsets import UNIDENTIFIED

if TYPE_CHECKING:
    from pipeline.params import Study
    from pipeline.params.split import BySitter

UNUSED = "unused"
GIVEN, FURTHER = ("image_id", "sitter", "status"), ("origin", "rendering", "artist")
COLUMNS = ["image_id", "sitter", "subset", "fold", "origin"]
PAIR_COLUMNS = ["image_a", "image_b", "genuine", "fold"]
DUPLICATE_COLUMNS = ["image_a", "image_b", "sitter_a", "sitter_b", "similarity"]
SHOWN = 5
Row = dict[str, str]


class Seat(NamedTuple):
    """Where a sitter stands."""

    subset: str
    fold: int


def run(study: Study, dataset: str) -> None:
    """Write `split.csv` (image_id, sitter, subset, fold, origin) and `near-duplicates.csv` of a data set.

    A data set that comes with pairs gets `pairs.csv` (image_a, image_b, genuine, fold), too.

    Raises:
        SitterError: no such entry, nothing aligned, too few sitters (images) for the shares asked for, or no pairs.
    """
    if dataset not in study.split:
        raise SitterError(f"split has no entry {dataset!r}; {nearest(dataset, study.split)}")
    entry = study.split[dataset]
    everyone = aligned(dataset)
    faces = [face for face in everyone if face["sitter"]]
    if not faces and entry.kind != "pairs":
        write(dataset, seated(everyone, lambda face: Seat(UNUSED, 0)))
        return
    copies = find_copies(dataset, faces) if getattr(entry, "near_duplicates", False) else []
    pairs: list[Row] = []
    tied: dict[str, tuple[str, ...]] = {}
    how = ""
    if entry.kind == "sitters":
        images = Counter(face["sitter"] for face in faces)
        alike = [(c["sitter_a"], c["sitter_b"]) for c in copies] + same_but_for_spelling(images)
        how = entry.artists
        if how != "ignore":
            also = (*study.nobody.also, *entry.unknown_artists)
            tied = artists.artists(faces, nobody(also, study.nobody.names), dataset)
        groups = together(images, alike + (artists.shared(faces, tied) if how == "join" else []))
        if how == "join":
            size = max(map(len, groups))
            print(
                f"{dataset}: shared artists tie {len(images)} sitters into {len(groups)} groups, the largest of {size}"
            )
        seats = deal(groups, entry, study.seed, dataset)
        rows = seated(everyone, lambda face: seats[face["sitter"]])
        if how == "drop":
            artists.leave_out(rows, tied, entry, dataset)
            artists.fold_together(rows, tied, entry.folds, partial(_lot, study.seed), together, alike)
    elif entry.kind == "images":
        from pipeline.splits.images import check_shares, seat

        rows = seated(everyone, lambda face: Seat(*seat(face, entry, study.seed)))
        check_shares(rows, entry, dataset)
    elif entry.kind == "pairs":
        from pipeline.splits.pairs import read_pairs, tested

        pairs = read_pairs(dataset, entry.folds)
        places = tested(pairs)
        rows = seated(everyone, lambda face: Seat(*places.get(face["image_id"], (UNUSED, 0))))
    else:
        by = "origin" if study.split[entry.dataset].kind == "images" else "sitter"
        seats = seats_of(entry.dataset, {face.get(by) or "" for face in faces}, dataset, by)
        rows = seated(everyone, lambda face: seats[face.get(by) or ""])
        leave_out_renderings(rows, entry.dataset)
    leave_out_straddling(rows, copies)
    named = [row for row in rows if row["subset"] != UNIDENTIFIED]
    write(dataset, rows, copies, pairs, artists.account(named, tied, how, dataset) if tied else ())


def write(
    dataset: str,
    rows: Sequence[Row],
    copies: Sequence[Row] = (),
    pairs: Sequence[Row] = (),
    by_artist: Sequence[Row] = (),
) -> None:
    """Write the folder of a split, and say what stands where."""
    with output_folder(paths.split(dataset)) as folder:
        write_csv(folder / "split.csv", rows, COLUMNS)
        if pairs:
            write_csv(folder / "pairs.csv", pairs, PAIR_COLUMNS)
        write_csv(folder / "near-duplicates.csv", copies, DUPLICATE_COLUMNS)
        if by_artist:
            write_csv(folder / "artists.csv", by_artist, artists.COLUMNS)
    report(dataset, rows, copies, pairs)


def aligned(dataset: str) -> list[Row]:
    """Rows of `faces.csv` whose face was aligned, in its order."""
    table = paths.faces(dataset) / "faces.csv"
    faces = [r for r in read_csv(table, GIVEN, only=(*GIVEN, *FURTHER)) if r["status"] == "aligned"]
    if not faces:
        raise SitterError(f"{table} has no row with status aligned: there is no face to split.")
    return faces


def find_copies(dataset: str, faces: Sequence[Row]) -> list[Row]:
    """Near-duplicate images of different sitters. Renderings are left to the split of what they render."""
    from pipeline.faces.duplicates import near_duplicates
    from pipeline.faces.store import FaceStore

    store = FaceStore(paths.faces(dataset))
    place = {image_id: i for i, image_id in enumerate(store.image_ids)}
    absent = [f["image_id"] for f in faces if f["image_id"] not in place]
    if absent:
        raise SitterError(
            f"{store.folder}: faces.csv says that {absent[0]} is aligned, but no shard holds it: align it again."
        )
    originals = [f for f in faces if not f.get("origin")]
    if not originals:
        return []
    known = {place[f["image_id"]]: f for f in originals}
    found = near_duplicates(store, list(known), [f["sitter"] for f in originals])
    return [
        {
            "image_a": known[a]["image_id"],
            "image_b": known[b]["image_id"],
            "sitter_a": known[a]["sitter"],
            "sitter_b": known[b]["sitter"],
            "similarity": f"{similarity:.4f}",
        }
        for a, b, similarity in found
    ]


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
        print(
            f"warning: sitters' names that differ only by case or spaces: {shown}. They count as different sitters, "
            "kept on one side; if they are one person, give them one name.",
            file=sys.stderr,
        )
    return [pair for names in alike for pair in pairwise(names)]


def together(sitters: Iterable[str], pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Sitters in groups, joined by the pairs, directly or through others."""
    group = {name: [name] for name in sorted(sitters)}
    for a, b in pairs:
        if group[a] is not group[b]:
            group[a] += group[b]
            for name in group[b]:
                group[name] = group[a]
    return list({id(g): g for g in group.values()}.values())


def deal(groups: Sequence[Sequence[str]], entry: BySitter, seed: int, dataset: str) -> dict[str, Seat]:
    """A seat for each sitter, in the order of a hash of seed and name.

    So a sitter's seat hangs neither on the number of images nor on the order of the files, and where sitters are
    added only those near a border move. Shares are of sitters, rounded; groups of more than one may shift them.
    """
    total = sum(map(len, groups))
    borders = [0, _rounded(entry.test * total), _rounded((entry.test + entry.val) * total), total]
    room = dict(zip(SUBSETS, (b - a for a, b in pairwise(borders)), strict=True))
    filled: dict[str, Counter[int]] = {s: Counter(dict.fromkeys(range(entry.folds), 0)) for s in SUBSETS}
    seats: dict[str, Seat] = {}
    for group in sorted(groups, key=lambda g: min(_lot(seed, name) for name in g)):
        subset = next((s for s in SUBSETS if room[s] >= len(group)), max(SUBSETS, key=lambda s: room[s]))
        fold = min(filled[subset], key=lambda k: (filled[subset][k], k))
        room[subset] -= len(group)
        filled[subset][fold] += len(group)
        seats |= dict.fromkeys(group, Seat(subset, fold))
    _check_shares(seats, entry, groups, dataset)
    return seats


def _rounded(number: float) -> int:
    return int(number + 0.5 + 1e-9)


def _lot(seed: int, sitter: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{sitter}".encode()).digest()


def _check_shares(seats: Mapping[str, Seat], entry: BySitter, groups: Sequence[Sequence[str]], dataset: str) -> None:
    """Raise SitterError where a subset that was asked for has fewer than two sitters, and so no impostor pairs."""
    count = Counter(seat.subset for seat in seats.values())
    shares = {"test": entry.test, "val": entry.val, "train": 1 - entry.test - entry.val}
    for subset, share in shares.items():
        if share > 1e-9 and count[subset] < 2:
            joined = sum(len(g) for g in groups if len(g) > 1)
            ties = "near-duplicates, names" + (" and shared artists" if entry.artists == "join" else "")
            why = f" ({joined} are kept together, the largest group {max(map(len, groups))}: {ties})" if joined else ""
            raise SitterError(
                f"split.{dataset}: {len(seats)} sitters{why} are too few: the share of {subset}, {share:.3g}, comes to "
                f"{count[subset]} of them, and impostor pairs need 2. Change the shares, or add sitters"
                + (", or set `artists: drop`." if entry.artists == "join" else ".")
            )


def seats_of(other: str, names: set[str], dataset: str, by: str = "sitter") -> dict[str, Seat]:
    """The seats of another data set's sitters, or by `origin`, where it is split by images, of its images.

    Those that it does not hold are unused, with a warning.
    """
    table = paths.split(other) / "split.csv"
    seats: dict[str, Seat] = {}
    for row in read_csv(table, COLUMNS):
        name = row["sitter" if by == "sitter" else "image_id"]
        if row["subset"] != UNIDENTIFIED and (row["subset"] != UNUSED or name not in seats):
            seats[name] = Seat(row["subset"], int(row["fold"]))
    if by == "sitter":
        warn_of_alike(names, seats, dataset, other)
    strangers, what = sorted(names - seats.keys()), "sitters" if by == "sitter" else "photographs"
    if len(strangers) == len(names):
        raise SitterError(
            f"split.{dataset}: none of its {what} ({', '.join(strangers[:SHOWN])} …) stands in {table}: name the "
            "data set that they come from, or use `kind: sitters`."
        )
    if strangers:
        shown = ", ".join(strangers[:SHOWN]) + (" …" if len(strangers) > SHOWN else "")
        print(
            f"warning: {len(strangers)} {what} of {dataset} are not in {table} and stay unused: {shown}",
            file=sys.stderr,
        )
    return seats | dict.fromkeys(strangers, Seat(UNUSED, 0))


def seated(faces: Iterable[Row], seat_of: Callable[[Row], Seat]) -> list[Row]:
    """A row of the split for each face. Of renderings of one photograph, near-duplicates, only the first is judged.

    Unidentified portraits have no seat.
    """
    rows = []
    for face in faces:
        own = {"image_id": face["image_id"], "sitter": face["sitter"], "origin": face.get("origin") or ""}
        if not face["sitter"]:
            rows.append(own | {"subset": UNIDENTIFIED, "fold": ""})
            continue
        subset, fold = seat_of(face)
        if subset != "train" and face.get("rendering") not in (None, "", "0"):
            subset = UNUSED
        rows.append(own | {"subset": subset, "fold": str(fold)})
    return rows


def leave_out_straddling(rows: Iterable[Row], copies: Iterable[Row]) -> None:
    """Of near-duplicates on two sides of a border, keep that in test before val before train; the other is unused."""
    by_id = {row["image_id"]: row for row in rows}
    for copy in copies:
        pair = [by_id[copy["image_a"]], by_id[copy["image_b"]]]
        subsets = [row["subset"] for row in pair]
        if subsets[0] != subsets[1] and UNUSED not in subsets:
            max(pair, key=lambda row: SUBSETS.index(row["subset"]))["subset"] = UNUSED


def leave_out_renderings(rows: Iterable[Row], other: str) -> None:
    """What renders an image that another data set's split leaves out is left out, too."""
    unused = {row["image_id"] for row in read_csv(paths.split(other) / "split.csv", COLUMNS) if row["subset"] == UNUSED}
    for row in rows:
        if row["origin"] in unused:
            row["subset"] = UNUSED


def report(dataset: str, rows: Sequence[Row], copies: Sequence[Row], pairs: Sequence[Row] = ()) -> None:
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
            print(
                f"warning: {dataset}: {len(alone)} of {len(sitters)} {subset} sitters have one image: {what}. "
                f"Add images of them where you can: {names}",
                file=sys.stderr,
            )
    if copies:
        print(
            f"warning: {dataset}: {len(copies)} near-duplicate pairs under different sitters' names, kept on one side; "
            f"look at {paths.split(dataset) / 'near-duplicates.csv'}",
            file=sys.stderr,
        )
    parts = [f"{s} {len(n)} sitters, {n.total()} images" for s, n in images.items() if n and s in SUBSETS]
    parts += [f"{images[UNUSED].total()} images unused"] if images[UNUSED] else []
    if images[UNIDENTIFIED]:
        number = images[UNIDENTIFIED].total()
        parts.append(f"{number} portraits of unidentified sitters, in no training and no benchmark")
    parts += [f"{len(pairs)} pairs, {sum(p['genuine'] == '1' for p in pairs)} genuine"] if pairs else []
    print(f"{dataset}: " + "; ".join(parts))
