"""Images of a data set that are the same file, told by the checksums that `download` has taken: of millions, too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.files import each_batch, each_row
from pipeline.plan.layout import HERE, Layout
from pipeline.store.accounts import ALIGNED, account_file, each_account

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

BOX = ("x0", "y0", "x1", "y1")
Row = dict[str, str]


def same_files(dataset: str, at: Layout = HERE) -> list[tuple[str, str]]:
    """Find images that are the same file with the face at the same place.

    One file may show two sitters, and stand under both with a face each: that is no copy. Millions of rows are read in
    seconds, and no list of them is kept.

    Returns:
        Ids of images, each with the first that it is the same as; without renderings and images of nobody.
    """
    import numpy as np

    table = account_file(dataset, at)
    known = next(each_row(table), {})
    if "sha256" not in known:
        return []
    repeated = _repeated(table)
    repeated = repeated[repeated != 0]
    if not len(repeated):
        return []
    columns = ["image_id", "sitter", "status", "sha256", *(column for column in (*BOX, "origin") if column in known)]
    rows = rows_with(table, columns, lambda batch: np.isin(_keys(batch.column("sha256")), repeated))
    first: dict[str, list[Row]] = defaultdict(list)
    links = []
    for row in rows:
        if row["status"] != ALIGNED or not row["sitter"] or row.get("origin"):
            continue
        earlier = next((other for other in first[row["sha256"]] if same_place(row, other)), None)
        if earlier is None:
            first[row["sha256"]].append(row)
        else:
            links.append((earlier["image_id"], row["image_id"]))
    return links


def with_files(dataset: str, at: Layout = HERE) -> Iterator[Row]:
    """The rows of `faces.csv` with their checksums and the boxes of their faces, one at a time; none without them."""
    for row in each_account(dataset, at=at):
        if "sha256" not in row:
            return
        yield row


def _repeated(table: Path) -> NDArray[np.uint64]:
    """Keys of the checksums that stand in several rows, ascending: 8 bytes are kept of each row."""
    import numpy as np

    parts = [_keys(batch.column(0)) for batch in each_batch(table, ["sha256"])]
    keys = np.sort(np.concatenate(parts)) if parts else np.zeros(0, np.uint64)
    return np.unique(keys[1:][keys[1:] == keys[:-1]])


def _keys(checksums: pa.StringArray) -> NDArray[np.uint64]:
    """A number for each checksum, from its first 16 digits; 0 where there is none."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    whole = pc.equal(pc.binary_length(checksums), 64)
    digits = pc.utf8_slice_codeunits(pc.if_else(whole, checksums, "0" * 64), 0, 16).cast(pa.binary(16))
    words = np.frombuffer(digits.buffers()[1], np.uint64, 2 * len(digits), 16 * digits.offset).reshape(-1, 2)
    with np.errstate(over="ignore"):
        keys = words[:, 0] * np.uint64(0x9E3779B97F4A7C15) ^ words[:, 1]
    return np.where(whole.to_numpy(zero_copy_only=False), keys, np.uint64(0))


def rows_with(table: Path, columns: Sequence[str], chosen: Callable[[pa.RecordBatch], Any]) -> Iterator[Row]:
    """Rows of a long table that `chosen` says true of, from the columns of some thousands of rows."""
    import pyarrow as pa

    for batch in each_batch(table, columns):
        yield from batch.filter(pa.array(chosen(batch), pa.bool_())).to_pylist()


def same_place(a: Row, b: Row) -> bool:
    """Whether the boxes of two faces cover each other by half; those that are not known do."""
    boxes = [[row.get(column) for column in BOX] for row in (a, b)]
    if not all(map(all, boxes)):
        return True
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = ([float(x or 0) for x in box] for box in boxes)
    shared = max(0.0, min(ax1, bx1) - max(ax0, bx0)) * max(0.0, min(ay1, by1) - max(ay0, by0))
    return shared >= 0.5 * ((ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0) - shared)
