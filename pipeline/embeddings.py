"""Tables of vectors: `embeddings/<model or fusion>/<dataset>/embeddings.arrow`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from pipeline import paths
from pipeline.artifacts import read_table, write_table
from pipeline.errors import SitterError

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float32]
FILE = "embeddings.arrow"


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Vectors by image: `vectors[i]` (float32 [n, d], unnormalised) is that of `image_ids[i]`."""

    image_ids: list[str]
    vectors: Floats

    def __len__(self) -> int:
        return len(self.image_ids)

    def select(self, image_ids: Sequence[str], source: str = "the embeddings") -> Floats:
        """Vectors of these images, in this order: float32 [k, d].

        Raises:
            SitterError: an image has no vector; `source` says where it was sought.
        """
        rows = {image_id: row for row, image_id in enumerate(self.image_ids)}
        missing = [i for i in image_ids if i not in rows]
        if missing:
            raise SitterError(
                f"{source} has no vector for {len(missing)} of {len(image_ids)} images, the first of them "
                f"{missing[0]!r}: it was made from other faces. Run embed (or fuse) again."
            )
        return self.vectors[[rows[i] for i in image_ids]]


def normalise(x: Floats) -> Floats:
    """Rows [n, d] scaled to length 1; rows of zeros stay zeros."""
    length = np.linalg.norm(x, axis=-1, keepdims=True)
    return cast(Floats, x / np.maximum(length, np.finfo(np.float32).tiny))


def write_embeddings(folder: Path, image_ids: Sequence[str], vectors: Floats, mirrored: Floats | None = None) -> None:
    """Write `embeddings.arrow` into an existing folder.

    Args:
        folder: of one model or fusion and one data set, while it is being made.
        image_ids: unique, n of them.
        vectors: [n, d], unnormalised.
        mirrored: [n, d], the vectors of the mirrored images.

    Raises:
        SitterError: a vector is not finite, or is zero; names the image.
    """
    import pyarrow as pa

    columns: dict[str, pa.Array] = {"image_id": pa.array(list(image_ids), pa.string())}
    for name, values in {"embedding": vectors, "mirrored": mirrored}.items():
        if values is None:
            continue
        check_vectors(values, image_ids, str(folder / FILE))
        flat = pa.array(np.ascontiguousarray(values, np.float32).reshape(-1))
        columns[name] = pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    write_table(folder / FILE, pa.table(columns))


def read_embeddings(name: str, dataset: str) -> Embeddings:
    """Vectors of a model or fusion on a data set; where those of the mirrored images were kept, the sum of both.

    The sum is InsightFace's evaluation: normalise(e(x) + e(mirror x)).

    Raises:
        SitterError: the table is absent, broken or has other columns.
    """
    image_ids, (vectors, *mirrored) = open_embeddings(name, dataset)
    return Embeddings(image_ids, sum(mirrored, start=vectors))


def open_embeddings(name: str, dataset: str) -> tuple[list[str], list[Floats]]:
    """Image ids and what is to be summed: their vectors and, where they were kept, those of the mirrored images.

    Memory-mapped, so that of millions only what is looked at is read. Raises as `read_embeddings` does.
    """
    path = paths.embeddings(name, dataset) / FILE
    if not path.is_file():
        raise SitterError(
            f"{path} does not exist: run embed (models) or fuse (fusions) for {name} and {dataset} first."
        )
    table = read_table(path)
    for column in ("image_id", "embedding"):
        if column not in table.column_names:
            raise SitterError(
                f"{path} has no column {column!r}, only {', '.join(table.column_names)}: rerun its stage."
            )
    parts = [column for column in ("embedding", "mirrored") if column in table.column_names]
    return table["image_id"].to_pylist(), [_matrix(table, column) for column in parts]


def check_vectors(vectors: Floats, image_ids: Sequence[str], source: str) -> None:
    """Raise SitterError, naming the first image, where a vector is not finite or all zeros: its cosine is undefined."""
    bad = ~np.isfinite(vectors).all(1) | ~vectors.any(1)
    if bad.any():
        first = int(bad.argmax())
        what = "all zeros" if np.isfinite(vectors[first]).all() else "not finite (NaN or infinite)"
        raise SitterError(
            f"{source}: the vector of image {image_ids[first]!r} is {what}, {int(bad.sum())} of {len(vectors)} are. "
            "Has the model's training diverged? See its history.csv."
        )


def _matrix(table: pa.Table, column: str) -> Floats:
    array = table[column].combine_chunks()
    if hasattr(array, "chunks"):
        array = array.chunk(0)
    width = array.type.list_size
    return cast(Floats, array.flatten().to_numpy(zero_copy_only=False).reshape(-1, width))
