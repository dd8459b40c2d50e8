"""Files are whole or absent."""

from __future__ import annotations

import csv
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.core import files
from pipeline.core.errors import SitterError


def leftovers(folder: Path) -> list[str]:
    return [p.name for p in folder.rglob("*") if ".part" in p.name or ".old" in p.name]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("old")
    with pytest.raises(RuntimeError), files.atomic_file(file) as part:
        part.write_text("half")
        raise RuntimeError
    assert file.read_text() == "old"
    assert leftovers(tmp_path) == []


def test_a_failed_stage_leaves_the_old_folder_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with files.output_folder(folder) as new:
        (new / "a").write_text("old")
    with pytest.raises(RuntimeError), files.output_folder(folder) as new:
        (new / "a").write_text("half")
        raise RuntimeError
    assert (folder / "a").read_text() == "old"
    assert leftovers(tmp_path) == []


def test_a_killed_stage_is_cleared_away_by_the_next(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from pipeline.core.files import output_folder\n"
        "with output_folder(Path(sys.argv[1])) as f:\n (f / 'a').write_text('half')\n"
        " print('.', flush=True); time.sleep(60)"
    )
    folder = tmp_path / "out"
    process = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not folder.exists()
    with files.output_folder(folder) as new:
        (new / "b").write_text("whole")
    assert sorted(os.listdir(folder)) == ["b", "manifest.csv"]
    assert leftovers(tmp_path) == []


def test_a_manifest_names_every_file_with_its_hash_and_is_written_last(tmp_path: Path) -> None:
    with files.output_folder(tmp_path / "out") as new:
        (new / "sub").mkdir()
        (new / "sub" / "a").write_bytes(b"x" * 10)
        (new / "b").write_bytes(b"")
        time.sleep(0.01)
    rows = list(csv.DictReader((tmp_path / "out/manifest.csv").open()))
    assert [(r["path"], r["bytes"]) for r in rows] == [("b", "0"), ("sub/a", "10")]
    assert rows[1]["sha256"] == hashlib.sha256(b"x" * 10).hexdigest()
    newest = max((tmp_path / "out").rglob("*"), key=lambda p: (p.is_file(), p.stat().st_mtime_ns))
    assert newest.name == "manifest.csv"


def test_a_table_comes_back_as_it_was(tmp_path: Path) -> None:
    vectors = pa.FixedSizeListArray.from_arrays(pa.array([1.0, 2.0, 3.0, 4.0], pa.float32()), 2)
    table = pa.table({"image_id": ["a", "b"], "embedding": vectors})
    files.write_table(tmp_path / "t.arrow", table)
    assert files.read_table(tmp_path / "t.arrow").equals(table)


def test_a_broken_or_missing_table_is_named_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(SitterError, match=r"t\.arrow does not exist: run the stage"):
        files.read_table(tmp_path / "t.arrow")
    (tmp_path / "t.arrow").write_bytes(b"ARROW1\0\0 cut short")
    with pytest.raises(SitterError, match=r"t\.arrow is no whole Arrow IPC file"):
        files.read_table(tmp_path / "t.arrow")


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("image_id,sitte\n1,a\n")
    with pytest.raises(SitterError, match=r"m\.csv: column sitter is missing; found: image_id, sitte"):
        files.read_csv(tmp_path / "m.csv", ["image_id", "sitter"])


def test_json_that_others_could_not_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        files.write_json(tmp_path / "m.json", {"eer": float("nan")})
    assert list(tmp_path.iterdir()) == []
