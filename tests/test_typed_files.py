"""Tables and folders are read as objects once: cells become what the fields say, and a broken one is named."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.core.cells import Number, YesOrUnknown
from pipeline.core.errors import SitterError
from pipeline.core.files import read_json, write_json
from pipeline.core.typed_files import find_folder, from_file, read_folder, read_typed, rows_of
from pipeline.store.curves import CmcCurve


@dataclass(frozen=True)
class Row:
    name: str
    rank: int
    score: Number
    sure: YesOrUnknown
    note: str = ""


@dataclass(frozen=True)
class Results:
    summary: dict[str, int] = from_file("summary.json", read_json)
    rows: list[Row] = from_file("rows.csv", rows_of(Row))
    note: dict[str, int] = from_file("note.json", read_json, absent={})


def written(folder: Path, *lines: str) -> Path:
    (folder / "rows.csv").write_text("\n".join(["name,rank,score,sure,further", *lines]) + "\n")
    return folder / "rows.csv"


def test_cells_become_what_the_fields_say(tmp_path: Path) -> None:
    file = written(tmp_path, "a,1,0.5,1,x", "b,2,,,y", "c,3,nan,0,")
    assert read_typed(file, Row) == [Row("a", 1, 0.5, True), Row("b", 2, None, None), Row("c", 3, None, False)]


def test_a_cell_that_is_no_number_is_an_error_with_file_row_and_column(tmp_path: Path) -> None:
    for broken in ("b,first,0.4,1,", "b,2,0.4?,1,"):
        file = written(tmp_path, "a,1,0.5,1,", broken)
        with pytest.raises(SitterError, match=r"rows\.csv, row 3: (rank is 'first'|score is '0\.4\?')"):
            read_typed(file, Row)


def test_an_absent_column_is_an_error_with_its_name(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("name,score,sure\na,0.5,1\n")
    with pytest.raises(SitterError, match=r"column rank is missing"):
        read_typed(file, Row)


def test_an_absent_file_is_an_error_unless_it_is_optional(tmp_path: Path) -> None:
    assert read_typed(tmp_path / "none.csv", Row, optional=True) == []
    with pytest.raises(SitterError, match="does not exist"):
        read_typed(tmp_path / "none.csv", Row)


def test_a_folder_becomes_an_object_with_a_field_for_each_file(tmp_path: Path) -> None:
    write_json(tmp_path / "summary.json", {"faces": 3})
    written(tmp_path, "a,1,0.5,1,")
    assert read_folder(tmp_path, Results) == Results({"faces": 3}, [Row("a", 1, 0.5, True)], {})
    write_json(tmp_path / "note.json", {"of": 1})
    assert read_folder(tmp_path, Results).note == {"of": 1}


def test_a_folder_is_found_by_its_first_file_and_must_then_be_whole(tmp_path: Path) -> None:
    assert find_folder(tmp_path, Results) is None
    written(tmp_path, "a,1,0.5,1,")
    assert find_folder(tmp_path, Results) is None
    write_json(tmp_path / "summary.json", {})
    assert find_folder(tmp_path, Results) == read_folder(tmp_path, Results)
    (tmp_path / "rows.csv").unlink()
    with pytest.raises(SitterError, match=r"rows\.csv does not exist"):
        find_folder(tmp_path, Results)


def test_a_curve_leaves_out_incomplete_points_and_orders_them(tmp_path: Path) -> None:
    curve = CmcCurve.of([{"rank": "2", "rate": "0.1"}, {"rank": "1", "rate": ""}, {"rank": "0", "rate": "0.3"}])
    assert curve.line() == [(0.0, 0.3), (2.0, 0.1)]
    assert CmcCurve.of([{"rank": "2"}]).line() == []
