"""Tables of vectors: `embeddings/<model or fusion>/<dataset>/embeddings.arrow`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np

from pipeline.core.errors import SitterError
from pipeline.core.files import read_csv, read_json, read_table, write_csv, write_json, write_table
from pipeline.core.layout import Layout
from pipeline.core.numbers import Singles
from pipeline.core.versions import versions
from pipeline.store.splits import split_file

if TYPE_CHECKING:
    import pyarrow as pa

FILE = "embeddings.arrow"
FAILED = "failed.csv"
VERSIONS = "versions.json"
COLUMNS = ("embedding", "mirrored")
VECTOR, SUM = "sitter.vector", "embedding + mirrored: the vector of an image is the sum of both columns"
"""Key and value of the schema's metadata if a table has both columns."""
CHECKED_AT_ONCE = 1 << 14


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Vectors by image: `vectors[i]` (float32 [n, d], unnormalised) belongs to `image_ids[i]`."""

    image_ids: list[str]
    vectors: Singles

    def __len__(self) -> int:
        return len(self.image_ids)

    def select(self, image_ids: Sequence[str], source: str = "the embeddings") -> Singles:
        """Return the vectors of these images, in this order: float32 [k, d].

        Raises:
            SitterError: an image has no vector; `source` names the place in the message.
        """
        rows = {image_id: row for row, image_id in enumerate(self.image_ids)}
        missing = [i for i in image_ids if i not in rows]
        if missing:
            raise SitterError(
                f"{source} has no vector for {len(missing)} of {len(image_ids)} images, the first of them "
                f"{missing[0]!r}: it was made from other faces. Run embed (or fuse) again."
            )
        return self.vectors[[rows[i] for i in image_ids]]


def normalise(x: Singles) -> Singles:
    """Return the rows [n, d] scaled to length 1; rows of zeros stay zeros."""
    length = np.linalg.norm(x, axis=-1, keepdims=True)
    return cast(Singles, x / np.maximum(length, np.finfo(np.float32).tiny))


def write_embeddings(folder: Path, image_ids: Sequence[str], vectors: Singles, mirrored: Singles | None = None) -> None:
    """Write `embeddings.arrow` into an existing folder.

    Args:
        folder: the folder of one model or fusion and one data set, while it is being made.
        image_ids: n unique image ids.
        vectors: [n, d], unnormalised.
        mirrored: [n, d], the vectors of the mirrored images; the schema's metadata then say that both must be summed.

    Raises:
        SitterError: a vector is not finite, or is zero; the message names the image.
    """
    import pyarrow as pa

    columns: dict[str, pa.Array] = {"image_id": pa.array(list(image_ids), pa.string())}
    for name, values in zip(COLUMNS, (vectors, mirrored), strict=True):
        if values is None:
            continue
        check_vectors(values, image_ids, str(folder / FILE))
        flat = pa.array(np.ascontiguousarray(values, np.float32).reshape(-1))
        columns[name] = pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    table = pa.table(columns)
    if mirrored is not None:
        table = table.replace_schema_metadata({VECTOR: SUM})
    write_table(folder / FILE, table)


def write_versions(folder: Path) -> None:
    """Write the versions of the packages that compute the vectors into a table's folder."""
    write_json(folder / VERSIONS, versions())


def read_versions(name: str, dataset: str, at: Layout) -> dict[str, str]:
    """Return the versions that computed the vectors of a model on a data set; empty where they are not recorded."""
    file = at.embeddings(name, dataset) / VERSIONS
    return dict(read_json(file)) if file.is_file() else {}


def write_as_they_come(folder: Path, image_ids: Sequence[str], blocks: Iterable[Sequence[Singles]]) -> None:
    """Streaming variant of `write_embeddings`: blocks wait on disk, so that memory holds only one of them.

    Args:
        folder: as for `write_embeddings`.
        image_ids: n unique image ids.
        blocks: the vectors [b, d] of the next b images and, if the table should have them, of these images mirrored.
    """
    waiting: list[Path] = []
    with ExitStack() as opened:
        files: list[BinaryIO] = []
        for block in blocks:
            if not files:
                waiting = [folder / f"{column}.part" for column in COLUMNS[: len(block)]]
                files = [opened.enter_context(open(path, "wb")) for path in waiting]
            for file, vectors in zip(files, block, strict=True):
                file.write(np.ascontiguousarray(vectors, np.float32).data)
    write_embeddings(folder, image_ids, *(np.memmap(p, np.float32, "r").reshape(len(image_ids), -1) for p in waiting))
    for path in waiting:
        path.unlink()


def read_embeddings(name: str, dataset: str, at: Layout) -> Embeddings:
    """Return the vectors of a model or fusion on a data set; if mirrored vectors were kept, the sum of both.

    The sum is used as in InsightFace's evaluation: normalise(e(x) + e(mirror x)).

    Raises:
        SitterError: the table is absent, broken or has other columns.
    """
    image_ids, (vectors, *mirrored) = open_embeddings(name, dataset, at)
    return Embeddings(image_ids, sum(mirrored, start=vectors))


def open_embeddings(name: str, dataset: str, at: Layout) -> tuple[list[str], list[Singles]]:
    """Return image ids and the terms of the sum: their vectors and, if they were kept, the mirrored images' vectors.

    They are memory-mapped, so that only the vectors in use are read. Raises as `read_embeddings` does.
    """
    path = at.embeddings(name, dataset) / FILE
    if not path.is_file():
        raise SitterError(
            f"{path} does not exist: run embed (models), outside (outside systems) or fuse (fusions) for {name} and "
            f"{dataset} first."
        )
    table = read_table(path)
    for column in ("image_id", "embedding"):
        if column not in table.column_names:
            raise SitterError(
                f"{path} has no column {column!r}, only {', '.join(table.column_names)}: rerun its stage."
            )
    parts = [column for column in COLUMNS if column in table.column_names]
    return table["image_id"].to_pylist(), [_matrix(table, column) for column in parts]


def write_failed(folder: Path, image_ids: Sequence[str]) -> None:
    """Write `failed.csv` into an existing folder: the faces on which an outside system failed, if any."""
    if image_ids:
        write_csv(folder / FAILED, [{"image_id": image_id} for image_id in image_ids], ["image_id"])


def read_failed(model: str, dataset: str, at: Layout) -> list[str]:
    """Return the faces of a data set that an outside system could not process."""
    path = at.embeddings(model, dataset) / FAILED
    return [row["image_id"] for row in read_csv(path, ["image_id"])] if path.is_file() else []


def check_complete(model: str, dataset: str, wanted: Collection[str], image_ids: Sequence[str], at: Layout) -> None:
    """Raise SitterError unless there is one vector for each wanted image."""
    path, known = at.embeddings(model, dataset) / FILE, set(image_ids)
    if len(known) < len(image_ids):
        raise SitterError(f"{path}: image ids occur twice. Run embed (or fuse) again.")
    missing = [i for i in wanted if i not in known]
    if missing:
        refuse_failed(model, dataset, missing, at)
        raise SitterError(
            f"{path} has no vector for {len(missing)} of {len(wanted)} images of "
            f"{split_file(dataset, at)}, the first of them {missing[0]!r}: it was made from other faces. "
            "Run embed (or fuse) again."
        )


def refuse_failed(model: str, dataset: str, missing: Collection[str], at: Layout) -> None:
    """Raise SitterError if the images without a vector are an outside system's failures."""
    failed = set(read_failed(model, dataset, at)) & set(missing)
    if failed:
        raise SitterError(
            f"{model} has no vector for {len(failed)} images of {dataset}, the first of them {min(failed)!r}, since "
            "the outside system failed on them: only benchmarks work without them. Remove the model from uses that "
            "need a vector of each image (a fusion, a question, class centres)."
        )


def check_vectors(vectors: Singles, image_ids: Sequence[str], source: str) -> None:
    """Raise SitterError, naming the first image, where a vector is not finite or all zeros: its cosine is undefined."""
    blocks = (vectors[n : n + CHECKED_AT_ONCE] for n in range(0, len(vectors), CHECKED_AT_ONCE))
    bad = np.concatenate([np.zeros(0, bool), *(~np.isfinite(block).all(1) | ~block.any(1) for block in blocks)])
    if bad.any():
        first = int(bad.argmax())
        what = "all zeros" if np.isfinite(vectors[first]).all() else "not finite (NaN or infinite)"
        raise SitterError(
            f"{source}: the vector of image {image_ids[first]!r} is {what}, {int(bad.sum())} of {len(vectors)} are. "
            "Has the model's training diverged? See its history.csv."
        )


def _matrix(table: pa.Table, column: str) -> Singles:
    chunks = table[column]
    array = chunks.chunk(0) if chunks.num_chunks == 1 else chunks.combine_chunks()  # which copies a single one, too
    width = array.type.list_size
    return cast(Singles, array.flatten().to_numpy(zero_copy_only=False).reshape(-1, width))
