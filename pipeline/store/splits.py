"""Who is in which subset, as `split` has left it: of millions of images, too."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pipeline.core.files import read_columns
from pipeline.plan import layout

KNOWN, TESTED = ("train", "val"), ("test",)
"""Subsets whose sitters models are made with, and those that judge them."""
UNUSED = "unused"
"""The subset of images that neither train nor judge: copies, and what the split or the study leaves out."""
UNIDENTIFIED = "unidentified"
"""The subset of portraits whose sitter is empty, since nobody knows who it is."""


def sitters_of(dataset: str, subsets: Collection[str]) -> dict[str, str]:
    """The sitter of each image in some subsets of a data set, by image id, in the split's order."""
    return {image_id: sitter for image_id, sitter, subset in each_image(dataset) if subset in subsets}


def each_image(dataset: str) -> Iterator[tuple[str, str, str]]:
    """Image id, sitter and subset of each image, in the split's order; images of one sitter share the word."""
    columns = read_columns(layout.split(dataset) / "split.csv", ["image_id", "sitter", "subset"])
    names = columns["sitter"].dictionary_encode()
    sitters = map(names.dictionary.to_pylist().__getitem__, names.indices.to_pylist())
    return zip(columns["image_id"].to_pylist(), sitters, columns["subset"].to_pylist(), strict=True)
