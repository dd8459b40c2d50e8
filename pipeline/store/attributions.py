"""The attributions of a model, `attributions/<model>/`: pairs of test images, and a map of each image of a pair.

`pairs.csv` has the pairs with the model's cosines. `maps.arrow` has pair, side, and the map, float32 [112 × 112] row by
row: how much each pixel raises or lowers the cosine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from pipeline.core.files import read_csv, read_table, write_csv, write_table
from pipeline.plan.layout import HERE, Layout

PAIRS, MAPS = "pairs.csv", "maps.arrow"
PAIR = ("pair", "sort", "rank", "probe", "gallery", "probe_dataset", "gallery_dataset")
"""Columns that identify a pair; `score` follows."""
COLUMNS = (*PAIR, "score")
SIDES = ("probe", "gallery")
Maps = NDArray[np.float32]


def write_attributions(folder: Path, pairs: Sequence[Mapping[str, Any]], maps: Sequence[Maps]) -> None:
    """Write the files of a model into an existing folder.

    Args:
        folder: the folder of the model, while it is being made.
        pairs: the rows of `pairs.csv`, with `COLUMNS`.
        maps: the maps of probe and gallery image of each pair in turn, float32 [112, 112].
    """
    import pyarrow as pa

    write_csv(folder / PAIRS, pairs, COLUMNS)
    flat = np.stack(maps).reshape(len(maps), -1)
    columns = {
        "pair": pa.array([n // 2 for n in range(len(maps))], pa.int32()),
        "side": pa.array([SIDES[n % 2] for n in range(len(maps))]),
        "map": pa.FixedSizeListArray.from_arrays(pa.array(flat.reshape(-1)), flat.shape[1]),
    }
    write_table(folder / MAPS, pa.table(columns))


def has_attributions(model: str, at: Layout = HERE) -> bool:
    """Whether a model has been explained."""
    return (at.attributions(model) / PAIRS).is_file()


def read_explained_pairs(model: str, at: Layout = HERE) -> list[dict[str, str]]:
    """Read the pairs of a model as text; raises SitterError where a column of `PAIR` is absent."""
    return read_csv(at.attributions(model) / PAIRS, PAIR)


def read_maps(model: str, at: Layout = HERE) -> Maps:
    """Read the maps of a model: float32 [pairs, 2, 112, 112] of probe and gallery."""
    column = read_table(at.attributions(model) / MAPS)["map"].combine_chunks()
    flat = column.flatten().to_numpy(zero_copy_only=False)
    side = round(column.type.list_size**0.5)
    return cast(Maps, flat.reshape(-1, 2, side, side))
