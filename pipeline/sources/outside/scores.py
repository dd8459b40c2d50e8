"""Kind `scores`: an outside system without vectors, which is known by its scores of pairs in a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.core.errors import SitterError
from pipeline.params.outside_systems.scores import OutsideScoresOptions
from pipeline.sources.outside.outside_file import OutsideFile, read_columns
from pipeline.store.embeddings import write_failed
from pipeline.store.scores import GALLERY, GALLERY_DATASET, PROBE, SCORE, write_scores

if TYPE_CHECKING:
    import pyarrow as pa

PROBE_DATASET = "probe_dataset"


class ScoresFile(OutsideFile):
    """An outside system's scores: CSV, Arrow, npz or npy with probe_id, gallery_id and score, or bob's five columns."""

    key = PROBE

    def __init__(self, file: Path, options: OutsideScoresOptions) -> None:
        super().__init__(file)
        self.distance = options.distance

    def describe(self) -> dict[str, Any]:
        """Return the number of rows and, as `dim`, None, because there is no vector; this reads the whole file."""
        table, failed = self._table()
        self._scores(table)
        return {"dim": None, "rows": table.num_rows} | ({"failed": failed.num_rows} if failed.num_rows else {})

    def write(self, folder: Path, dataset: str, image_ids: Sequence[str], datasets: Sequence[str]) -> str:
        """Write `scores.arrow` (every pair with a face of this data set as its probe) and `failed.csv`.

        The benchmarks decide which pairs are needed; `evaluate` names the missing pairs.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        table, without = self._table()
        probe, gallery = self.texts(table, PROBE), self.texts(table, GALLERY)
        chosen = pc.is_in(probe, value_set=pa.array(list(image_ids), pa.string()))
        theirs = pa.array([dataset] * table.num_rows, pa.string())
        if self.need_datasets(table, [PROBE_DATASET, GALLERY_DATASET], datasets):
            chosen = pc.and_(chosen, pc.equal(self.texts(table, PROBE_DATASET), dataset))
            theirs = self.texts(table, GALLERY_DATASET)
        columns = {PROBE: probe, GALLERY_DATASET: theirs, GALLERY: gallery, SCORE: self._scores(table)}
        rows = np.flatnonzero(chosen.to_numpy(zero_copy_only=False))
        kept = pa.table(columns).filter(chosen)
        self._check_repeated(kept, rows)
        write_scores(folder, kept)
        failed = self.failed_images(without, PROBE, PROBE_DATASET, dataset, image_ids)
        write_failed(folder, failed)
        told = f"{kept.num_rows} scores of its faces as probes, of {table.num_rows} in the file"
        return told + (f"; the system failed on {len(failed)}" if failed else "")

    def _table(self) -> tuple[pa.Table, pa.Table]:
        """Return the rows with scores, and the rows of failures."""
        table = read_columns(self.file, [PROBE, GALLERY, PROBE_DATASET, GALLERY_DATASET])
        self.need(table, [PROBE, GALLERY, SCORE])
        return self.parted(table)

    def _scores(self, table: pa.Table) -> pa.Array:
        """Return float64 [rows], finite; a larger score means more alike."""
        import pyarrow as pa
        import pyarrow.compute as pc

        column = table[SCORE].combine_chunks()
        if not pa.types.is_integer(column.type) and not pa.types.is_floating(column.type):
            raise SitterError(f"{self.file}: column {SCORE} holds {column.type}; expected: a number in each row.")
        try:
            values = column.cast(pa.float64())
        except pa.ArrowInvalid:
            raise SitterError(
                f"{self.file}: column {SCORE} holds whole numbers beyond 2**53, which double precision cannot "
                "distinguish: scale them."
            ) from None
        bad = pc.invert(pc.is_finite(values).fill_null(False))
        if pc.any(bad).as_py():
            raise SitterError(
                f"{self.file}: {SCORE} is no finite number in {self.rows(bad)}. If the system refused to "
                "compare the pair, which counts as not accepted, write the lowest score of all. If it could not "
                f"process an image, write a row with its {PROBE} and 1 in the column `failed`."
            )
        return pc.negate(values) if self.distance else values

    def _check_repeated(self, kept: pa.Table, rows: np.ndarray[Any, Any]) -> None:
        key = np.zeros(kept.num_rows, dtype=np.int64)
        for name in (PROBE, GALLERY_DATASET, GALLERY):
            words = kept[name].combine_chunks().dictionary_encode()
            key = key * len(words.dictionary) + words.indices.to_numpy()
        order = np.argsort(key, kind="stable")
        again = order[1:][np.diff(key[order]) == 0]
        if len(again):
            row = int(again.min())
            first = int(np.flatnonzero(key == key[row])[0])
            probe, gallery = kept[PROBE][row].as_py(), kept[GALLERY][row].as_py()
            raise SitterError(
                f"{self.file}, {self.place(int(rows[row]))}: probe {probe!r} and gallery {gallery!r} stand in "
                f"{self.place(int(rows[first]))} already: delete one."
            )
