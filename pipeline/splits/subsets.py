"""Who is in which subset, as `split` has left it: of millions of images, too."""

from __future__ import annotations

from collections.abc import Collection

from pipeline import paths
from pipeline.artifacts import read_columns


def sitters_of(dataset: str, subsets: Collection[str]) -> dict[str, str]:
    """The sitter of each image in some subsets of a data set, by image id, in the split's order."""
    columns = read_columns(paths.split(dataset) / "split.csv", ["image_id", "sitter", "subset"])
    ids, subset = columns["image_id"].to_pylist(), columns["subset"].to_pylist()
    names = columns["sitter"].dictionary_encode()
    words, codes = names.dictionary.to_pylist(), names.indices.to_numpy()  # a name's images share the word
    return {i: words[code] for i, code, s in zip(ids, codes, subset, strict=True) if s in subsets}
