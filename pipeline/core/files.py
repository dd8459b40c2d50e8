"""Files that are whole or absent: written to a temporary name, then renamed; and the manifests beside them."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import socket
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.errors import SitterError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

MANIFEST = "manifest.csv"
"""The last file that is written into an output folder: it lists the others, and both engines go by it."""


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the block succeeds, and remove it if not."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.chmod(0o666 & ~_umask())  # some libraries write files that only their owner may read
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def output_folder(path: Path) -> Iterator[Path]:
    """Yield an empty temporary folder that replaces `path`, manifest included, if the block succeeds.

    If the block fails, what stood at `path` stays as it was and the temporary folder is removed. A block that
    writes no `manifest.csv` of its own gets one with the path, size and SHA-256 of each file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    here = f".{path.name}.{socket.gethostname()}"
    for left in path.parent.glob(f"{here}.*"):
        if not _is_running(int(left.suffixes[-2][1:])):  # left by a process that was killed
            shutil.rmtree(left, ignore_errors=True)
    own = f"{here}.{os.getpid()}"
    part, old = path.with_name(f"{own}.part"), path.with_name(f"{own}.old")
    part.mkdir()
    try:
        yield part
        if not (part / MANIFEST).exists():
            write_manifest(part)
        shutil.rmtree(old, ignore_errors=True)
        if path.exists():
            path.rename(old)
        part.rename(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def output_parts(path: Path) -> Iterator[Path]:
    """Yield an empty temporary folder; move its files and folders into `path` if the block succeeds.

    Everything else in `path` belongs to others and stays. The manifest is removed first and comes last, so that parts
    of two runs never stand beside a manifest. If the block fails, `path` stays as it was.
    """
    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    here = f".{socket.gethostname()}"
    for left in path.glob(f"{here}.*.part"):
        if not _is_running(int(left.suffixes[-2][1:])):
            shutil.rmtree(left, ignore_errors=True)
    part = path / f"{here}.{os.getpid()}.part"
    part.mkdir()
    try:
        yield part
        if not (part / MANIFEST).exists():
            write_manifest(part)
        (path / MANIFEST).unlink(missing_ok=True)
        for made in sorted(part.iterdir(), key=lambda made: made.name == MANIFEST):
            if (path / made.name).is_dir():
                shutil.rmtree(path / made.name)
            made.replace(path / made.name)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # the process belongs to another user
        pass
    return True


def write_manifest(folder: Path) -> None:
    """Write a folder's `manifest.csv`: path, bytes and sha256 of every file below it, sorted by path."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST)
    rows = [{"path": p.relative_to(folder).as_posix(), "bytes": p.stat().st_size, "sha256": sha256(p)} for p in files]
    write_csv(folder / MANIFEST, rows, ["path", "bytes", "sha256"])


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write CSV with a header line and Unix line ends; columns absent from a row stay empty."""
    with atomic_file(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(columns), restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_csv(
    path: Path, required: Sequence[str] = (), separator: str = ",", only: Sequence[str] | None = None
) -> list[dict[str, str]]:
    """Return the rows of a CSV file as text.

    Args:
        path: the file.
        required: columns that have to be there.
        separator: what separates the cells of a row.
        only: columns to keep, where they exist; equal texts share memory, for files of millions of rows.

    Raises:
        SitterError: the file or a required column is absent; the message names the file and the columns.
    """
    rows = each_row(path, required, separator)
    if only is None:
        return list(rows)
    return [{column: sys.intern(row[column] or "") for column in only if column in row} for row in rows]


def each_row(path: Path, required: Sequence[str] = (), separator: str = ",") -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file as text, one at a time; the first step raises as `read_csv` does."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, delimiter=separator)
            found = list(reader.fieldnames or [])
            missing = [c for c in required if c not in found]
            if missing:
                raise SitterError(
                    f"{path}: column {', '.join(missing)} is missing; found: {', '.join(found) or 'no header line'}. "
                    f"Add a header line with the columns {', '.join(required)}."
                )
            yield from reader
    except FileNotFoundError:
        raise SitterError(f"{path} does not exist: run the stage that makes it first.") from None


def read_columns(path: Path, columns: Sequence[str]) -> dict[str, pa.StringArray]:
    """Return columns of a CSV file as text, in a fraction of the time and memory of `read_csv`.

    Raises:
        SitterError: the file is absent or broken, or a column is absent.
    """
    from pyarrow import ArrowInvalid, csv, string

    try:
        table = csv.read_csv(
            path,
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(include_columns=columns, column_types=dict.fromkeys(columns, string())),
        )
    except FileNotFoundError:
        raise SitterError(f"{path} does not exist: run the stage that makes it first.") from None
    except (ArrowInvalid, KeyError) as error:
        raise SitterError(f"{path} is no table with the columns {', '.join(columns)} ({error}).") from None
    return {name: table[name].combine_chunks() for name in columns}


def each_batch(path: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield columns of a CSV file as text, some thousands of rows at a time, to save memory on long files.

    Raises:
        SitterError: the file is broken, or a column is absent.
    """
    from pyarrow import ArrowInvalid, csv, string

    try:
        yield from csv.open_csv(
            path,
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(include_columns=columns, column_types=dict.fromkeys(columns, string())),
        )
    except (ArrowInvalid, KeyError) as error:
        raise SitterError(f"{path} is no table with the columns {', '.join(columns)} ({error}).") from None


def repeated_checksums(path: Path, column: str) -> frozenset[str]:
    """Return the SHA-256 checksums that occur in several rows of a CSV file; 8 bytes a row are kept in memory.

    Raises:
        SitterError: the file is broken, or the column is absent.
    """
    import numpy as np
    import pyarrow as pa

    keys = [_keys(batch.column(0)) for batch in each_batch(path, [column])]
    ordered = np.sort(np.concatenate(keys)) if keys else np.zeros(0, np.uint64)
    repeated = np.unique(ordered[1:][(ordered[1:] == ordered[:-1]) & (ordered[1:] != 0)])
    count: Counter[str] = Counter()  # two checksums may share a key
    for batch in each_batch(path, [column]) if len(repeated) else ():
        chosen = np.isin(_keys(batch.column(0)), repeated)
        count.update(batch.column(0).filter(pa.array(chosen)).to_pylist())
    return frozenset(checksum for checksum, rows in count.items() if rows > 1)


def _keys(checksums: pa.StringArray) -> NDArray[np.uint64]:
    """Return a number for each checksum, made of its first 16 digits; 0 for an empty cell."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    whole = pc.equal(pc.binary_length(checksums), 64)
    digits = pc.utf8_slice_codeunits(pc.if_else(whole, checksums, "0" * 64), 0, 16).cast(pa.binary(16))
    words = np.frombuffer(digits.buffers()[1], np.uint64, 2 * len(digits), 16 * digits.offset).reshape(-1, 2)
    with np.errstate(over="ignore"):
        keys = words[:, 0] * np.uint64(0x9E3779B97F4A7C15) ^ words[:, 1]
    return np.where(whole.to_numpy(zero_copy_only=False), keys, np.uint64(0))


def write_json(path: Path, value: object) -> None:
    """Write indented JSON, keys in the order given; NaN is refused, since other readers of JSON refuse it."""
    with atomic_file(path) as part:
        part.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Return the content of a JSON file; raises SitterError where it is absent."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SitterError(f"{path} does not exist: run the stage that makes it first.") from None


def write_table(path: Path, table: pa.Table) -> None:
    """Write an Arrow IPC file (readable by memory map)."""
    import pyarrow as pa

    with atomic_file(path) as part, pa.OSFile(str(part), "wb") as sink:
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)


def read_table(path: Path) -> pa.Table:
    """Return the table of an Arrow IPC file, memory-mapped; raises SitterError where it is absent or broken."""
    import pyarrow as pa

    try:
        return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    except FileNotFoundError:
        raise SitterError(f"{path} does not exist: run the stage that makes it first.") from None
    except pa.ArrowInvalid as error:
        raise SitterError(f"{path} is no whole Arrow IPC file ({error}): delete it and rerun its stage.") from None
