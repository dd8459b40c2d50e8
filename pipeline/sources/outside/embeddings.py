"""Kind `embeddings`: an outside system that is known by its vectors in a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.core.numbers import Singles
from pipeline.params.outside_systems.embeddings import OutsideEmbeddingsOptions
from pipeline.sources.outside.number_columns import counting, family
from pipeline.sources.outside.outside_file import FAILED, OutsideFile, read_columns, some
from pipeline.store.embeddings import write_embeddings, write_failed

if TYPE_CHECKING:
    import pyarrow as pa

IMAGE, DATASET, VECTOR = "image_id", "dataset", "embedding"


class EmbeddingsFile(OutsideFile):
    """An outside system's vectors: CSV, Arrow, npz or npy with image_id and embedding (in CSV: a column per value)."""

    key = IMAGE

    def __init__(self, file: Path, options: OutsideEmbeddingsOptions) -> None:
        super().__init__(file)
        self.columns = options.columns

    def describe(self) -> dict[str, Any]:
        """Return the length of a vector, the number of rows, and the columns left out; this reads the whole file."""
        table, failed = self._table()
        vectors = self._vectors(table)
        used = {IMAGE, DATASET, VECTOR} if VECTOR in table.column_names else {IMAGE, DATASET, *self._family(table)}
        left_out = [name for name in table.column_names if name not in used]
        more = {"failed": failed.num_rows, "left_out": left_out}
        return {"dim": vectors.shape[1], "rows": table.num_rows} | {
            name: value for name, value in more.items() if value
        }

    def write(self, folder: Path, dataset: str, image_ids: Sequence[str], datasets: Sequence[str]) -> str:
        """Write `embeddings.arrow`, the vector of every face, and `failed.csv`; further rows are left out."""
        table, without = self._table()
        names = np.array(self.texts(table, IMAGE).to_pylist(), dtype=object)
        rows = np.arange(len(names))
        if self.need_datasets(table, [DATASET], datasets):
            rows = np.flatnonzero(np.array(self.texts(table, DATASET).to_pylist(), dtype=object) == dataset)
        row_of_id = self._unique(names, rows)
        failed = self.failed_images(without, IMAGE, DATASET, dataset, image_ids)
        both = [image_id for image_id in failed if image_id in row_of_id]
        if both:
            raise SitterError(
                f"{self.file}: {some(both)} has a vector in one row, but failed in another row: delete one of them."
            )
        gone = set(failed)
        known = [image_id for image_id in image_ids if image_id not in gone]
        missing = [image_id for image_id in known if image_id not in row_of_id]
        if missing:
            raise SitterError(
                f"{self.file} has no vector for {len(missing)} of {len(image_ids)} faces of {dataset}: "
                f"{some(missing)}. It has {len(rows)} rows of this data set, the first of them "
                f"{some(list(names[rows])) or 'none'}. Add a row for each face, with the ids of data/raw."
            )
        write_embeddings(folder, known, self._vectors(table)[[row_of_id[image_id] for image_id in known]])
        write_failed(folder, failed)
        told = f"{len(known)} faces, {len(rows) - len(known)} further rows of the file left out"
        return told + (f"; the system failed on {len(failed)}" if failed else "")

    def _table(self) -> tuple[pa.Table, pa.Table]:
        """Return the rows with vectors, and the rows of failures."""
        table = read_columns(self.file, [IMAGE, DATASET])
        self.need(table, [IMAGE])
        return self.parted(table)

    def _unique(self, names: NDArray[Any], rows: NDArray[np.intp]) -> dict[str, int]:
        found: dict[str, int] = {}
        for row in rows:
            first = found.setdefault(names[row], int(row))
            if first != row:
                raise SitterError(
                    f"{self.file}, {self.place(int(row))}: {IMAGE} {names[row]!r} stands in "
                    f"{self.place(first)} already: delete one."
                )
        return found

    def _vectors(self, table: pa.Table) -> Singles:
        """Return float32 [rows, d]; every vector is finite and not all zeros."""
        import pyarrow as pa

        vectors = self._listed(table) if VECTOR in table.column_names else self._spread(table)
        bad = ~np.isfinite(vectors).all(1) | ~vectors.any(1)
        if bad.any():
            finite = np.isfinite(vectors[bad.argmax()]).all()
            what = "all zeros" if finite else "not finite, at least in single precision"
            raise SitterError(
                f"{self.file}: the vector in {self.rows(pa.array(bad))} is {what}, so it has no cosine. Correct it, or "
                f"mark the image by 1 in the column `{FAILED}`."
            )
        counter = counting(vectors)
        if counter is not None:
            raise SitterError(
                f"{self.file}: value {counter} of the vectors counts the rows (0, 1, 2 …): it is an index and no "
                "part of a vector. Delete it."
            )
        return vectors

    def _family(self, table: pa.Table) -> list[str]:
        """Return the columns of the vector, in the order of their numbers."""
        return family(self.file, [n for n in table.column_names if n not in (IMAGE, DATASET)], self.columns)

    def _listed(self, table: pa.Table) -> Singles:
        import pyarrow as pa
        import pyarrow.compute as pc

        column = table[VECTOR].combine_chunks()
        if not pa.types.is_list(column.type) and not pa.types.is_fixed_size_list(column.type):
            raise SitterError(f"{self.file}: column {VECTOR} holds {column.type}; expected: a list of numbers a row.")
        lengths = pc.list_value_length(column).fill_null(0)
        width = lengths[0].as_py()
        other = pc.not_equal(lengths, width)
        if not width or pc.any(other).as_py():
            where = self.rows(other) if width else self.place(0)
            raise SitterError(
                f"{self.file}: the vector in {where} has another number of values than the first vector, which has "
                f"{width}. All vectors must have the same length."
            )
        flat = column.flatten().cast(pa.float32(), safe=False).to_numpy(zero_copy_only=False)
        return cast(Singles, flat.reshape(-1, width))

    def _spread(self, table: pa.Table) -> Singles:
        import pyarrow as pa
        import pyarrow.compute as pc

        columns = self._family(table)
        for name in columns:
            kind = table[name].type
            if not pa.types.is_integer(kind) and not pa.types.is_floating(kind):
                raise SitterError(
                    f"{self.file}: column {name} holds {kind}, but its name makes it a value of the vector; expected: "
                    "a number in each row."
                )
            if table[name].null_count:
                raise SitterError(f"{self.file}: column {name} is empty in {self.rows(pc.is_null(table[name]))}.")
        return np.stack([table[name].cast(pa.float32(), safe=False).to_numpy() for name in columns], 1)
