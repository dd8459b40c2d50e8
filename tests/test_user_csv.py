"""A user's CSV comes back cell for cell in whatever form a spreadsheet saves it; a damaged one never loses a row."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.formats.user_csv import open_table

FILE = Path("list.csv")
Rows = list[tuple[int, dict[str, str]]]


def read(at: Layout, content: str | bytes, *required: str, **options: object) -> Rows:
    (at.root / FILE).write_bytes(content.encode() if isinstance(content, str) else content)
    return list(open_table(at.root / FILE, required or ("path", "sitter"), **options).rows())  # type: ignore[arg-type]


def refused(at: Layout, content: str | bytes, *required: str) -> str:
    with pytest.raises(SitterError) as caught:
        read(at, content, *required)
    return str(caught.value)


LETTERS = st.sampled_from([*"aZ0é '-.:/\\", "ß", "子", '"', ",", ";", "\t", "|", "\n", "\r\n"])
CELL = st.lists(LETTERS, max_size=8).map("".join)
WITH_BLANKS = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def physical(text: str) -> int:
    return text.count("\n")


@given(
    rows=st.lists(st.tuples(CELL, CELL, CELL), max_size=6),
    separator=st.sampled_from([",", ";", "\t", "|"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    stated=st.booleans(),
    blank=st.integers(0, 2),
    last=st.booleans(),
)
@WITH_BLANKS
def test_whatever_form_it_is_saved_in_the_cells_come_back_with_their_lines(at: Layout, 
    rows: list[tuple[str, str, str]], separator: str, quoting: int, end: str, encoding: str, stated: bool, blank: int,
    last: bool,
) -> None:  # fmt: skip
    assume(all(any(cell.strip() for cell in row) for row in rows))  # rows of empty cells are blank
    text = f"sep={separator}{end}" if stated else ""
    lines = []
    for row in [("path", "sitter", "a note"), *rows]:
        text += end * blank
        lines.append(physical(text) + 1)
        piece = io.StringIO()
        csv.writer(piece, delimiter=separator, quoting=quoting, lineterminator=end).writerow(row)  # type: ignore[arg-type]
        text += piece.getvalue()
    if not last:
        text = text.removesuffix(end)
    try:
        found = read(at, text.encode(encoding), separator=",")
    except SitterError as error:
        # A cell of several lines may happen to look like rows; then the file is refused, and the cell is named.
        assert "looks like a row" in str(error)  # noqa: PT017
        assert any("\n" in cell for row in rows for cell in row)
        return
    assert [tuple(row.values()) for _, row in found] == rows
    assert [line for line, _ in found] == lines[1:]


PLAIN = st.text(st.sampled_from("abcß 30-/."), min_size=1, max_size=8).filter(str.strip)
WRITTEN = st.lists(st.tuples(PLAIN, PLAIN, st.one_of(PLAIN, CELL)), min_size=1, max_size=8)


@given(
    rows=WRITTEN,
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    damage=st.lists(
        st.tuples(st.floats(0, 0.999), st.sampled_from(["delete", '"', "\r", "\n", ",", "\0"])), max_size=3
    ),
)
@WITH_BLANKS
def test_a_damaged_file_is_refused_or_keeps_all_its_rows(
    at: Layout, rows: list[tuple[str, str, str]], quoting: int, damage: list[tuple[float, str]]
) -> None:
    piece = io.StringIO()
    writer = csv.writer(piece, quoting=quoting, lineterminator="\n")  # type: ignore[arg-type]
    writer.writerows([("path", "sitter", "title"), *rows])
    text = piece.getvalue()
    head = len(text.partition("\n")[0]) + 1
    for share, what in damage:
        place = head + int(share * (len(text) - head))
        text = text[:place] + (text[place + 1 :] if what == "delete" else what + text[place:])
    try:
        found = read(at, text)
    except SitterError:
        return
    assert len(found) >= len(rows)


@pytest.mark.parametrize(
    "closing", ["", 'c,d,30"\n', '"c,d",e\n', 'c,"d",e\n', 'c,d,"e"\n', 'c,"",30"\n', 'c,d,"""e"""\n']
)
@pytest.mark.parametrize("between", [0, 1, 50, 5000])
def test_a_quote_that_is_not_closed_never_swallows_rows(at: Layout, closing: str, between: int) -> None:
    rows = "".join(f"{n}.png,Ada,x\n" for n in range(between))
    said = refused(at, f'path,sitter,title\na.png,Ada,x\nb.png,Eve,"Self-portrait\n{rows}{closing}z.png,Zoe,x\n')
    assert "line 3" in said
    assert "quote" in said


def test_a_quote_that_opens_a_line_by_mistake_is_found_where_the_next_one_closes_it(at: Layout) -> None:
    assert "line 3" in refused(at, 'path,sitter\na.png,Ada\n"b.png,Eve\nc.png",Zoe\n')


def test_the_line_of_the_quote_is_named_behind_cells_of_several_lines(at: Layout) -> None:
    assert "line 5:" in refused(at, 'path,sitter,title\na.png,Ada,"one\ntwo\nthree"\nb.png,Eve,"open\nc.png,Zoe,x\n')


def test_titles_of_several_lines_with_commas_are_read(at: Layout) -> None:
    title = "Ada, seated\nOil on canvas, 1650, Haarlem\n"
    found = read(at, f'title,path,sitter\n"{title}",a.png,Ada\n"Eve\n",b.png,Eve\nx,c.png,"Zoe\nB."\n')
    assert [line for line, _ in found] == [2, 5, 7]
    assert found[0][1]["title"] == title
    assert found[2][1]["sitter"] == "Zoe\nB."


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("path,sitter,title,sitter\na,b,c,d\n", ["line 1", "columns 2 and 4", "'sitter'", "rename"]),
        ("\n\npath,note,sitter,note\n", ["line 3", "'note'"]),
        ("path,sitter, sitter\n", ["columns 2 and 3"]),
        ("path,Zoë,sitter,Zoe\u0308\n", ["columns 2 and 4"]),  # one name, encoded in two ways
        ("path,who\na,b\n", ["column sitter is missing", "path, who"]),
        ("", ["no header line"]),
        ("\n \n", ["no header line"]),
        ("path,sitter\n\n\na,b\nc\n", ["line 5", "1 cells", "2"]),
        ("path,sitter\na,b\nc,d,e\n", ["line 3", "more cells (3)", "header line (2)", "a comma"]),
        ("path,sitter,\na,b,\na,b,c\n", ["line 3", "without a name"]),
        ("path,sitter\na,b\nc,d\re,f\ng,h\n", ["line 3", "carriage return"]),
        ('path,sitter\na,"b" c\n', ["line 2", '""']),
        ("path,sitter\na,b\nc,\0d\n", ["line 3", "NUL"]),
        ("path,sitter\na,José\n".encode("utf-16-le"), ["UTF-16 without", "CSV UTF-8"]),
        (b"path,sitter\na,b\nc,Jos\xe9\n", ["line 3", "byte 21", "0xE9", "'é' in Windows-1252", "CSV UTF-8"]),
        ("path,sitter\na,José\n".encode("utf-16")[:-3], ["UTF-16", "CSV UTF-8"]),
    ],
)
def test_what_is_not_certain_is_refused_with_its_line(at: Layout, content: str | bytes, words: list[str]) -> None:
    said = refused(at, content)
    for word in (str(FILE), *words):
        assert word in said


@pytest.mark.parametrize("far", [10, 100_000])
def test_a_wrong_byte_is_found_wherever_it_stands(at: Layout, far: int) -> None:
    assert f"line {far + 2}:" in refused(at, b"path,sitter\n" + b"a,b\n" * far + b"c,\xff\n")


def test_files_that_are_absent_or_folders_are_named(at: Layout) -> None:
    with pytest.raises(SitterError, match=r"absent.csv does not exist"):
        open_table(at.root / "absent.csv", ["path"])
    with pytest.raises(SitterError, match="is a folder"):
        open_table(at.root, ["path"])


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_another_separator_is_taken_where_the_header_shows_it_and_is_said(
    at: Layout, separator: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f'"path"{separator}sitter\na, b{separator}c\n'
    assert read(at, text) == [(2, {"path": "a, b", "sitter": "c"})]
    assert str(FILE) in capsys.readouterr().err
    assert read(at, text, separator=separator) == [(2, {"path": "a, b", "sitter": "c"})]
    assert capsys.readouterr().err == ""


def test_the_expected_separator_counts_where_both_would_do(at: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    assert read(at, "sitter,a;b\nAda,1;2\n", "sitter") == [(2, {"sitter": "Ada", "a;b": "1;2"})]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"', "sep=;;;"])
def test_the_line_that_states_the_separator_is_no_header(at: Layout, line: str) -> None:
    assert read(at, f"{line}\r\npath;sitter\r\na,b;c\r\n") == [(3, {"path": "a,b", "sitter": "c"})]


def test_line_ends_of_old_macs_are_read(at: Layout) -> None:
    assert read(at, b"path,sitter\ra,b\r\rc,d\r") == [
        (2, {"path": "a", "sitter": "b"}),
        (4, {"path": "c", "sitter": "d"}),
    ]


def test_empty_rows_and_cells_that_spreadsheets_add_are_left_out(at: Layout) -> None:
    found = read(at, "path,sitter,,\na,b,,\n,,,\n , \nc,d,\ne,f\ng,h,,,,\n")
    assert [line for line, _ in found] == [2, 5, 6, 7]
    assert found[0][1] == {"path": "a", "sitter": "b"}


def test_an_index_without_a_name_is_no_column(at: Layout) -> None:
    assert read(at, ",path,sitter\n0,a,b\n") == [(2, {"path": "a", "sitter": "b"})]


def test_a_row_may_end_before_the_users_own_columns_where_the_reader_allows_it(at: Layout) -> None:
    table = "image_id,box,note\na,1,x\nb,2\n"
    assert read(at, table, "image_id", needed=("image_id", "box"))[1] == (3, {"image_id": "b", "box": "2", "note": ""})
    with pytest.raises(SitterError, match="line 3: has 1 cells"):
        read(at, "image_id,box,note\na,1,x\nb\n", "image_id", needed=("image_id", "box"))


def test_a_column_that_only_its_spelling_hides_is_named(at: Layout) -> None:
    assert "In the first line, write sitter instead of Sitter." in refused(at, "path,Sitter\na.png,Anna\n")
    said = refused(at, "Path,name\na.png,Anna\n")
    assert "write path instead of Path and add a header line with the columns path, sitter" in said
