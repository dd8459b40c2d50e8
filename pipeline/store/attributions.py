"""The attributions of a model, `attributions/<model>/`: pairs of test images, and a map for each image of a pair.

`pairs.csv` has the pairs with the model's cosines. `maps.arrow` has pair, side, and the map, float32 [112 × 112] row by
row: how much each pixel raises or lowers the cosine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from pipeline.core.cells import Number
from pipeline.core.files import read_table, write_csv, write_table
from pipeline.core.typed_files import from_file, rows_of

PAIRS, MAPS = "pairs.csv", "maps.arrow"
PAIR = ("pair", "sort", "rank", "probe", "gallery", "probe_dataset", "gallery_dataset")
"""Columns that identify a pair; `score` follows."""
COLUMNS = (*PAIR, "score")
SIDES = ("probe", "gallery")
Maps = NDArray[np.float32]


@dataclass(frozen=True)
class ExplainedPair:
    """A pair of test images with attribution maps by a model."""

    pair: int
    sort: str
    rank: int
    probe: str
    gallery: str
    probe_dataset: str
    gallery_dataset: str
    score: Number = None
    """The model's own cosine."""


def _read_maps(path: Path) -> Maps:
    column = read_table(path)["map"].combine_chunks()
    flat = column.flatten().to_numpy(zero_copy_only=False)
    side = round(column.type.list_size**0.5)
    return cast(Maps, flat.reshape(-1, 2, side, side))


@dataclass(frozen=True)
class Attributions:
    """The explained pairs of a model and their attribution maps: the model's folder."""

    pairs: list[ExplainedPair] = from_file(PAIRS, rows_of(ExplainedPair))
    maps: Maps = from_file(MAPS, _read_maps)
    """float32 [pairs, 2, 112, 112]: the maps of probe and gallery image."""


def write_attributions(folder: Path, pairs: Sequence[ExplainedPair], maps: Sequence[Maps]) -> None:
    """Write the files of a model into an existing folder.

    Args:
        folder: the folder of the model, while it is being made.
        pairs: the rows of `pairs.csv`.
        maps: the maps of probe and gallery image of each pair in turn, float32 [112, 112].
    """
    import pyarrow as pa

    rows = (asdict(pair) | {"score": "" if pair.score is None else f"{pair.score:.6f}"} for pair in pairs)
    write_csv(folder / PAIRS, rows, COLUMNS)
    flat = np.stack(maps).reshape(len(maps), -1)
    columns = {
        "pair": pa.array([n // 2 for n in range(len(maps))], pa.int32()),
        "side": pa.array([SIDES[n % 2] for n in range(len(maps))]),
        "map": pa.FixedSizeListArray.from_arrays(pa.array(flat.reshape(-1)), flat.shape[1]),
    }
    write_table(folder / MAPS, pa.table(columns))
