"""The files of a split, `data/splits/<dataset>/`: the subset of each image, the pairs, and the copies that were found.

`split.csv` holds image_id, sitter, subset, fold, origin and picture of each image; there may be millions.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from sys import intern
from typing import TYPE_CHECKING, NamedTuple

from pipeline.core.errors import SitterError
from pipeline.core.files import each_row, output_folder, read_columns, read_csv, write_csv
from pipeline.core.layout import Layout
from pipeline.core.typed_files import from_file

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

KNOWN, TESTED = ("train", "val"), ("test",)
"""The subsets that models are made with, and the subsets that evaluate them."""
SPLIT, PAIRS, COPIES, ARTISTS = "split.csv", "pairs.csv", "near-duplicates.csv", "artists.csv"
SUBSETS = ("test", "val", "train")
"""Subsets that images are dealt to. Where an artist or a picture stands on two sides, the first one keeps it."""
UNUSED = "unused"
"""The subset of images for neither training nor testing: copies, and images that the split or study leaves out."""
UNIDENTIFIED = "unidentified"
"""The subset of portraits with an empty sitter, since nobody knows who it is."""
REQUIRED = ("image_id", "sitter", "subset")
COLUMNS = (*REQUIRED, "fold", "origin", "picture")
COPY_COLUMNS = ("image_a", "image_b", "sitter_a", "sitter_b", "similarity", "sitters", "found_by")


@dataclass(slots=True)
class Seated:
    """One image of a data set, as its split lists it."""

    image_id: str
    sitter: str
    subset: str
    fold: int
    """0 where the data set is not split into folds, and for unidentified portraits."""
    origin: str
    """The photograph that a rendering was made of; empty for photographs."""
    picture: str
    """The best of the images that show the same picture; empty if no other image shows it."""


class ListedPair(NamedTuple):
    """A pair of images that a data set comes with."""

    image_a: str
    image_b: str
    genuine: bool
    fold: int

    @property
    def images(self) -> tuple[str, str]:
        """The ids of both images."""
        return self.image_a, self.image_b


class CopyPair(NamedTuple):
    """Two images of a data set that show the same picture."""

    image_a: str
    image_b: str
    sitter_a: str
    sitter_b: str
    similarity: float
    """Correlation of the two pictures; 1 for the same file."""
    found_by: str
    """`same file` or `likeness`."""


class SeatedArtist(NamedTuple):
    """An artist, with the number of their images and of the sitters whom these show."""

    artist: str
    sitters: int
    images: int
    subset: str
    """The subsets that use their images, separated by spaces."""
    unused: int
    """Number of their images that are not used."""


@dataclass(frozen=True)
class Split:
    """The split of a data set: everything that its files hold."""

    folder: Path
    images: Sequence[Seated]
    pairs: Sequence[ListedPair]
    """The pairs that the data set comes with; most data sets have none."""
    copies: Sequence[CopyPair]
    artists_of: Mapping[str, tuple[str, ...]]
    """The artists of each image, by image id; empty if artists are ignored."""

    @cached_property
    def artists(self) -> list[SeatedArtist]:
        """The artists in the order of their names."""
        images_of: dict[str, list[Seated]] = defaultdict(list)
        for image in self.images if self.artists_of else ():
            for artist in self.artists_of.get(image.image_id, ()):
                images_of[artist].append(image)
        found = []
        for name, own in sorted(images_of.items()):
            sides = {image.subset for image in own} & set(SUBSETS)
            unused = sum(image.subset == UNUSED for image in own)
            sitters = len({image.sitter for image in own})
            found.append(SeatedArtist(name, sitters, len(own), " ".join(sorted(sides)), unused))
        return found


def split_file(dataset: str, at: Layout) -> Path:
    """Return the path of the table of a data set's subsets."""
    return at.split(dataset) / SPLIT


def pairs_file(dataset: str, at: Layout) -> Path:
    """Return the path of the pairs that a data set comes with; most have none."""
    return at.split(dataset) / PAIRS


def copies_file(dataset: str, at: Layout) -> Path:
    """Return the path of the pairs of images that show the same picture."""
    return at.split(dataset) / COPIES


def write_split(split: Split) -> None:
    """Write the folder of a split; the files of pairs and artists only if there are any."""
    with output_folder(split.folder) as folder:
        write_csv(folder / SPLIT, map(_image_as_text, split.images), COLUMNS)
        if split.pairs:
            write_csv(folder / PAIRS, map(_pair_as_text, split.pairs), ListedPair._fields)
        write_csv(folder / COPIES, map(_copy_as_text, split.copies), COPY_COLUMNS)
        if split.artists:
            write_csv(folder / ARTISTS, (artist._asdict() for artist in split.artists), SeatedArtist._fields)


def _image_as_text(image: Seated) -> dict[str, str]:
    fold = "" if image.subset == UNIDENTIFIED else str(image.fold)
    values = (image.image_id, image.sitter, image.subset, fold, image.origin, image.picture)
    return dict(zip(COLUMNS, values, strict=True))


def _pair_as_text(pair: ListedPair) -> dict[str, str | int]:
    return pair._asdict() | {"genuine": int(pair.genuine)}


def _copy_as_text(pair: CopyPair) -> dict[str, str]:
    sitters = "same" if pair.sitter_a == pair.sitter_b else "different"
    return pair._asdict() | {"similarity": f"{pair.similarity:.4f}", "sitters": sitters}


def each_seated(dataset: str, at: Layout) -> Iterator[Seated]:
    """Yield the images of a data set in the split's order.

    Raises:
        SitterError: the file or one of its first three columns is absent.
    """
    for row in each_row(split_file(dataset, at), REQUIRED):
        sitter, subset = intern(row["sitter"]), intern(row["subset"])  # equal words of millions of rows are kept once
        fold, origin, picture = (row.get(column) or "" for column in COLUMNS[len(REQUIRED) :])
        yield Seated(row["image_id"], sitter, subset, int(fold or 0), origin, picture)


@dataclass(frozen=True, eq=False)
class Seats:
    """The images of a data set by columns, which are fast even for millions of images."""

    table: Path
    columns: Mapping[str, pa.StringArray]
    fold: int | None = None
    """In a data set without train and val sitters, the fold for testing; the next one is then for validation, and the
    others for training. A data set with train or val sitters keeps its subsets."""

    @property
    def image_ids(self) -> pa.StringArray:
        """The id of each image [n]."""
        return self.columns["image_id"]

    @property
    def sitters(self) -> pa.StringArray:
        """The sitter of each image [n]."""
        return self.columns["sitter"]

    @cached_property
    def folds(self) -> int:
        """The number of folds that are dealt to the subsets; 0: the split's own subsets are kept."""
        if self.fold is None or self._as_written(KNOWN).any():
            return 0
        return 1 + int(self._fold_of_tested.max(initial=0))

    def are_in(self, *subsets: str) -> NDArray[np.bool_]:
        """Return whether each image is in one of the subsets: bool [n]."""
        import numpy as np

        own = self._as_written(subsets)
        if self.fold is None or not self.folds:
            return own
        test = self._fold_of_tested == self.fold
        val = ~test & (self._fold_of_tested == (self.fold + 1) % self.folds)
        dealt = {"test": test, "val": val, "train": ~(test | val)}
        wanted = np.any([np.zeros_like(own), *(dealt[subset] for subset in subsets if subset in dealt)], axis=0)
        return np.where(self._as_written(TESTED), wanted, own)

    def sitters_in(self, *subsets: str) -> list[str]:
        """Return the names of the sitters of some subsets, each once."""
        import pyarrow as pa

        names: list[str] = self.sitters.filter(pa.array(self.are_in(*subsets))).unique().to_pylist()
        return names

    def _as_written(self, subsets: Sequence[str]) -> NDArray[np.bool_]:
        import pyarrow as pa
        import pyarrow.compute as pc

        found = pc.is_in(self.columns["subset"], value_set=pa.array(subsets, pa.string()))
        mask: NDArray[np.bool_] = found.to_numpy(zero_copy_only=False)
        return mask

    @cached_property
    def _fold_of_tested(self) -> NDArray[np.int64]:
        """The fold of each image of the test subset; 0 for the others [n]."""
        import pyarrow as pa
        import pyarrow.compute as pc

        tested = pa.array(self._as_written(TESTED))
        folds: NDArray[np.int64] = pc.if_else(tested, self.columns["fold"], "0").cast(pa.int64()).to_numpy()
        return folds


def read_seats(dataset: str, at: Layout, fold: int | None = None) -> Seats:
    """Read the images of a data set by columns, with `REQUIRED` and, if a fold is left out, `fold`.

    Raises:
        SitterError: the file or one of the columns is absent.
    """
    table = split_file(dataset, at)
    return Seats(table, read_columns(table, [*REQUIRED, *(["fold"] if fold is not None else [])]), fold)


def read_pairs(dataset: str, at: Layout) -> list[ListedPair]:
    """Read the pairs that a data set comes with, in the order of the file, from line 2 on.

    Raises:
        SitterError: the file or a column is absent, or a cell is wrong; the message names the line.
    """
    file, found = pairs_file(dataset, at), []
    for line, row in enumerate(read_csv(file, ListedPair._fields), start=2):
        if row["genuine"] not in ("0", "1") or not row["fold"].isdigit():
            raise SitterError(
                f"{file}, line {line}: genuine is {row['genuine']!r} and fold {row['fold']!r}, but they must be 0 or 1 "
                "and a whole number."
            )
        found.append(ListedPair(row["image_a"], row["image_b"], row["genuine"] == "1", int(row["fold"])))
    return found


def sitters_of(dataset: str, subsets: Collection[str], at: Layout) -> dict[str, str]:
    """Return the sitter of each image in some subsets of a data set, by image id, in the split's order."""
    return {image_id: sitter for image_id, sitter, subset in each_image(dataset, at) if subset in subsets}


def each_image(dataset: str, at: Layout) -> Iterator[tuple[str, str, str]]:
    """Yield image id, sitter and subset of each image, in the split's order; images of one sitter share one text."""
    return _each_image(split_file(dataset, at))


def _each_image(path: Path) -> Iterator[tuple[str, str, str]]:
    columns = read_columns(path, REQUIRED)
    names = columns["sitter"].dictionary_encode()
    sitters = map(names.dictionary.to_pylist().__getitem__, names.indices.to_pylist())
    return zip(columns["image_id"].to_pylist(), sitters, columns["subset"].to_pylist(), strict=True)


def _count_subsets(path: Path) -> dict[str, tuple[int, int]]:
    images: Counter[str] = Counter()
    sitters: dict[str, set[str]] = defaultdict(set)
    for _, sitter, subset in _each_image(path):
        images[subset] += 1
        sitters[subset].add(sitter)
    return {subset: (len(sitters[subset] - {""}), number) for subset, number in images.items()}


def _count_copies(path: Path) -> tuple[int, int]:
    found = Counter(row.get("sitters") or "different" for row in each_row(path))
    return found["same"], found["different"]


@dataclass(frozen=True)
class SplitCounts:
    """The numbers of a split, counted in the files of its folder."""

    subsets: Mapping[str, tuple[int, int]] = from_file(SPLIT, _count_subsets, absent={})
    """By subset, the numbers of its sitters and images; empty if the data set has not been split."""
    copies: tuple[int, int] = from_file(COPIES, _count_copies, absent=(0, 0))
    """Number of pairs of images that show the same picture: of one sitter, and under the names of two sitters."""
