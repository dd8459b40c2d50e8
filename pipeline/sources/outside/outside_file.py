"""Outside systems: the file with a system's vectors or scores, and how it is read."""

from __future__ import annotations

import unicodedata
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.core.file_types import beginning, known
from pipeline.formats.score_files import MODEL, PROBE, SCORE, read_bob
from pipeline.formats.user_columns import line_of, read_user_columns

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN = 3
FAILED = "failed"
"""The column that marks an image that the system could not process."""
YES, NO = ["1", "1.0", "true", "yes"], ["0", "0.0", "false", "no", ""]


class OutsideFile(ABC):
    """The file of an outside system. It is only read and checked; nothing is computed by a network."""

    key: ClassVar[str]
    """A column that every file of this kind has."""

    def __init__(self, file: Path) -> None:
        """Take the file, without reading it yet."""
        self.file = file
        self._kept: NDArray[np.intp] | None = None  # numbers of the rows without failure; None if none failed

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Check the whole file, and return its description for `model.json`, with at least `dim` (or None).

        Raises:
            SitterError: the file cannot be read; the message names row and column, and says what to do.
        """

    @abstractmethod
    def write(self, folder: Path, dataset: str, image_ids: Sequence[str], datasets: Sequence[str]) -> str:
        """Write the file's data on these faces into `embeddings/SYSTEM/DATASET/`, and return a summary in words.

        Args:
            folder: the folder while it is being made.
            dataset: data set of the faces.
            image_ids: every face of the data set.
            datasets: all data sets of the study; if there are several, each row of the file must name its data set.

        Raises:
            SitterError: the file lacks a face, contradicts itself, or does not name data sets where it must.
        """

    def parted(self, table: pa.Table) -> tuple[pa.Table, pa.Table]:
        """Return the rows that hold a vector or score, and the rows of images on which the system failed.

        The column `failed`, if there is one, marks failures by 1 or true. Row numbers in messages count all rows.

        Raises:
            SitterError: the column holds something else, or marks every row.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        if FAILED not in table.column_names:
            return table, table.slice(0, 0)
        words = pc.utf8_lower(table[FAILED].combine_chunks().cast(pa.string()).fill_null(""))
        failed = pc.is_in(words, value_set=pa.array(YES))
        odd = pc.invert(pc.or_(failed, pc.is_in(words, value_set=pa.array(NO))))
        if pc.any(odd).as_py():
            raise SitterError(
                f"{self.file}: column {FAILED} holds {words.filter(odd)[0].as_py()!r} in {self.rows(odd)}; expected: 1 "
                "where the system could not process the image, else 0 or an empty cell."
            )
        table, holds = table.drop([FAILED]), pc.invert(failed)
        if not pc.any(holds).as_py():
            raise SitterError(
                f"{self.file}: column {FAILED} says for every row that the system failed, so there is nothing to "
                "evaluate. Check the file."
            )
        self._kept = np.flatnonzero(holds.to_numpy(zero_copy_only=False))
        return table.filter(holds), table.filter(failed)

    def failed_images(
        self, failed: pa.Table, column: str, dataset_column: str, dataset: str, image_ids: Sequence[str]
    ) -> list[str]:
        """Return the faces of a data set on which the system failed, in the order of the faces.

        Args:
            failed: the rows of failures.
            column: the column with the image.
            dataset_column: the column with its data set, needed if there are several.
            dataset: the data set.
            image_ids: the faces of the data set.
        """
        import pyarrow as pa

        names = [str(name) for name in failed[column].cast(pa.string()).to_pylist()]
        if dataset_column in failed.column_names:
            own = failed[dataset_column].cast(pa.string()).to_pylist()
            names = [name for name, theirs in zip(names, own, strict=True) if theirs == dataset]
        found = {unicodedata.normalize("NFC", name) for name in names}
        return [image_id for image_id in image_ids if image_id in found]

    def texts(self, table: pa.Table, column: str) -> pa.Array:
        """Return a column of names, with numbers as text; raise SitterError if one is empty."""
        import pyarrow as pa
        import pyarrow.compute as pc

        found = pc.utf8_normalize(table[column].combine_chunks().cast(pa.string()), "NFC")  # like all our ids
        empty = pc.or_kleene(pc.is_null(found), pc.equal(found, "")).fill_null(True)
        if pc.any(empty).as_py():
            raise SitterError(f"{self.file}: column {column} is empty in {self.rows(empty)}: fill it in.")
        return found

    def rows(self, bad: pa.Array) -> str:
        """Return in words where the first true row is, and how many more there are."""
        where = np.flatnonzero(bad.to_numpy(zero_copy_only=False))
        return self.place(int(where[0])) + (f" and {len(where) - 1} more" if len(where) > 1 else "")

    def place(self, row: int) -> str:
        """Return in words where a row (counted from 0 below the header) is: in a CSV, the line in a text editor."""
        row = row if self._kept is None else int(self._kept[row])
        if self.file.suffix.lower() == ".csv":
            return f"line {line_of(self.file, [self.key], row)}"
        return f"row {row + 1}"

    def need(self, table: pa.Table, columns: Sequence[str]) -> None:
        """Raise SitterError if a column is missing or occurs twice, or if there is no row."""
        twice = [name for name, count in Counter(table.column_names).items() if count > 1]
        if twice:
            raise SitterError(f"{self.file}: column {some(twice)} occurs twice: delete or rename one of them.")
        absent = [column for column in columns if column not in table.column_names]
        if absent:
            raise SitterError(
                f"{self.file}: column {', '.join(absent)} is missing; found: "
                f"{', '.join(table.column_names[:8])}{' …' if table.num_columns > 8 else ''}."
            )
        if not table.num_rows:
            raise SitterError(f"{self.file} has no rows below its header.")

    def need_datasets(self, table: pa.Table, columns: Sequence[str], datasets: Sequence[str]) -> bool:
        """Whether the file names the data set of each row.

        Raises:
            SitterError: the file does not, but the study has several data sets, so that two images may have one id.
        """
        absent = [column for column in columns if column not in table.column_names]
        if not absent:
            return True
        if len(datasets) > 1:
            raise SitterError(
                f"{self.file}: column {', '.join(absent)} is missing: the study embeds {', '.join(datasets)}, so each "
                "row must name its data set."
            )
        return False


def read_columns(file: Path, texts: Sequence[str]) -> pa.Table:
    """Read a user's table: CSV, Arrow IPC (Feather) or NumPy without pickles.

    A NumPy file is an archive (`.npz`) of arrays with the same length, or a structured array (`.npy`) with a field for
    each column.

    Args:
        file: a file with the ending .csv, .arrow, .feather, .npz, .npy or (for scores in bob's format) .five-column.
        texts: columns that are names, even if they look like numbers.

    Raises:
        SitterError: the file cannot be read.
    """
    import pyarrow as pa

    ending = file.suffix.lower()
    try:
        if ending == ".csv":
            return read_user_columns(file, texts[:1], texts)
        if ending in (".arrow", ".feather"):
            return pa.ipc.open_file(pa.memory_map(str(file))).read_all()
        if ending == ".five-column":
            return _of_bob(file)
        if ending == ".npy":
            return _fields(np.load(file, allow_pickle=False), texts)
        if ending == ".npz":
            with np.load(file, allow_pickle=False) as archive:
                return pa.table({name: _column(archive[name]) for name in archive.files})
    except SitterError:
        raise
    except Exception as error:  # of Arrow, NumPy or zipfile; NumPy reads a lone array whatever the file's ending
        what = known(beginning(file))
        said = (str(error).splitlines() or [type(error).__name__])[0]
        reason = f"it is {what}" if what and ending not in (".npz", ".npy") else said
        raise SitterError(f"{file} is no {ending} file that can be read: {reason}") from None
    raise SitterError(
        f"{file}: its name must end in .csv, .arrow, .feather, .npz, .npy or .five-column, because "
        "the ending says how to read it."
    )


def _of_bob(file: Path) -> pa.Table:
    """Return bob's five columns under Sitter's names; a data set before a colon becomes a column of its own."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = read_bob(file)
    if MODEL not in table.column_names:
        raise SitterError(f"{file} has four columns, which do not name the gallery image: write it with five columns.")
    columns = {"score": table[SCORE]}
    for name, label in (("probe", PROBE), ("gallery", MODEL)):
        parts = pc.split_pattern(table[label], ":", max_splits=1)
        if (
            pc.all(pc.equal(pc.list_value_length(parts), 2)).as_py()
            and pc.count_distinct(pc.list_element(parts, 0)).as_py() == 1
        ):
            columns |= {f"{name}_dataset": pc.list_element(parts, 0), f"{name}_id": pc.list_element(parts, 1)}
        else:
            columns[f"{name}_id"] = table[label]
    return pa.table(columns)


def _fields(array: np.ndarray[Any, Any], texts: Sequence[str]) -> pa.Table:
    """Return the fields of a structured array as columns."""
    import pyarrow as pa

    if array.dtype.names is None:
        raise ValueError(
            f"it holds one array of shape {list(array.shape)} and no names: save names and values together by "
            f"numpy.savez(file, {texts[0]}=…, …), and give the file the ending .npz"
        )
    return pa.table({name: _column(np.ascontiguousarray(array[name])) for name in array.dtype.names})


def _column(array: np.ndarray[Any, Any]) -> pa.Array:
    import pyarrow as pa

    if array.ndim == 2:
        return pa.FixedSizeListArray.from_arrays(pa.array(array.reshape(-1)), array.shape[1])
    if array.ndim != 1:
        raise ValueError(f"an array has {array.ndim} dimensions; expected: one for names, two for vectors")
    return cast("pa.Array", pa.array(array))


def some(names: Sequence[str]) -> str:
    """Return the first few names in words."""
    return ", ".join(repr(name) for name in names[:SHOWN]) + (" …" if len(names) > SHOWN else "")
