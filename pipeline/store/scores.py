"""Tables of scores, for models that give no vectors: `embeddings/<model>/<dataset>/scores.arrow`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.core.files import read_table, write_table
from pipeline.core.layout import Layout

if TYPE_CHECKING:
    import pyarrow as pa

SCORES = "scores.arrow"
PROBE, GALLERY_DATASET, GALLERY, SCORE = "probe_id", "gallery_dataset", "gallery_id", "score"


def table_of(
    probe_ids: list[str], gallery_dataset: str, gallery_ids: list[str], scores: NDArray[np.float64]
) -> pa.Table:
    """Return scores as a table for `write_scores`; pairs within one list are listed once.

    Args:
        probe_ids: n image ids.
        gallery_dataset: data set of the gallery's images.
        gallery_ids: m image ids; if it is the same list object as the probes, the pairs are within this list.
        scores: float64 [n, m].
    """
    import pyarrow as pa

    within = gallery_ids is probe_ids
    rows, columns = np.triu_indices(len(probe_ids), 1) if within else np.indices(scores.shape).reshape(2, -1)
    return pa.table(
        {
            PROBE: pa.array(probe_ids, pa.string()).take(pa.array(rows)),
            GALLERY_DATASET: pa.array([gallery_dataset] * len(rows), pa.string()),
            GALLERY: pa.array(gallery_ids, pa.string()).take(pa.array(columns)),
            SCORE: pa.array(scores[rows, columns], pa.float64()),
        }
    )


def write_scores(folder: Path, table: pa.Table) -> None:
    """Write `scores.arrow` into an existing folder: probe_id, gallery_dataset, gallery_id (text), score (float64)."""
    write_table(folder / SCORES, table.select([PROBE, GALLERY_DATASET, GALLERY, SCORE]))


def gives_scores(model: str, dataset: str, at: Layout) -> bool:
    """Whether a model gave scores instead of vectors for a data set's faces."""
    return (at.embeddings(model, dataset) / SCORES).is_file()


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of one model with probes from one data set."""

    table: pa.Table

    def matrix(self, probes: Sequence[str], gallery_dataset: str, gallery: Sequence[str]) -> NDArray[np.float64]:
        """Return the scores [probes, gallery], NaN where there is none."""
        rows, columns, scores = self._among(probes, gallery_dataset, gallery)
        found = np.full((len(probes), len(gallery)), np.nan)
        found[rows, columns] = scores
        return found

    def pairs(self, probes: Sequence[str], gallery_dataset: str, gallery: Sequence[str]) -> NDArray[np.float64]:
        """Return the scores [n] of n pairs, NaN where there is none; memory grows with the pairs, not their matrix."""
        one, row = np.unique(np.asarray(probes, dtype=object), return_inverse=True)
        other, column = np.unique(np.asarray(gallery, dtype=object), return_inverse=True)
        rows, columns, scores = self._among(list(one), gallery_dataset, list(other))
        known, wanted = rows * len(other) + columns, row * len(other) + column
        order = np.argsort(known)
        found = np.full(len(wanted), np.nan)
        if len(known):
            place = order[np.minimum(np.searchsorted(known, wanted, sorter=order), len(known) - 1)]
            hit = known[place] == wanted
            found[hit] = scores[place[hit]]
        return found

    def _among(
        self, probes: Sequence[str], gallery_dataset: str, gallery: Sequence[str]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Return positions among probes and in the gallery, and scores, of all rows with these images."""
        import pyarrow as pa
        import pyarrow.compute as pc

        rows = self.table.filter(pc.equal(self.table[GALLERY_DATASET], gallery_dataset))
        places = [
            pc.index_in(rows[column], value_set=pa.array(list(ids), pa.string())).fill_null(-1).to_numpy()
            for column, ids in ((PROBE, probes), (GALLERY, gallery))
        ]
        known = (places[0] >= 0) & (places[1] >= 0)
        row, column = (place[known].astype(np.int64) for place in places)
        return row, column, rows[SCORE].to_numpy()[known]


def either_way(there: NDArray[np.float64], back: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the scores of pairs, whichever image is the probe; NaN where there is none.

    If a system's score depends on which image is the probe, a pair's score is the mean of both, in every benchmark.

    Args:
        there: scores with one image as the probe, of any shape.
        back: scores with the other image as the probe, of the same shape.
    """
    both = np.where(there == back, there, (there + back) / 2)
    return np.where(np.isnan(there), back, np.where(np.isnan(back), there, both))


def read_scores(model: str, dataset: str, at: Layout) -> Scores:
    """Return the scores of a model with the faces of a data set as probes.

    Raises:
        SitterError: the table is absent or broken.
    """
    return Scores(read_table(at.embeddings(model, dataset) / SCORES))
