"""Arrow reads a user's large CSV as the strict reader does, or the strict reader says why it cannot be read."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.formats.user_columns import line_of, read_user_columns
from pipeline.formats.user_csv import open_table

FILE = Path("vectors.csv")


def read(at: Layout, content: str | bytes) -> list[dict[str, object]]:
    (at.root / FILE).write_bytes(content.encode() if isinstance(content, str) else content)
    return read_user_columns(at.root / FILE, ["image_id"], ["image_id"]).to_pylist()


IDS = st.text(st.sampled_from("aé/1 ,;\"'"), min_size=1, max_size=6).filter(str.strip)


@given(
    rows=st.lists(st.tuples(IDS, st.floats(-9, 9, width=32), st.integers(0, 9)), min_size=1, max_size=6),
    separator=st.sampled_from([",", ";", "\t"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    stated=st.booleans(),
    end=st.sampled_from(["\n", "\r\n"]),
    blank=st.integers(0, 1),
    damage=st.one_of(st.none(), st.tuples(st.floats(0, 0.999), st.sampled_from(["delete", '"', "\n", ","]))),
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_readers_agree(at: Layout, 
    rows: list[tuple[str, float, int]], separator: str, encoding: str, stated: bool, end: str, blank: int,
    damage: tuple[float, str] | None,
) -> None:  # fmt: skip
    piece = io.StringIO()
    writer = csv.writer(piece, delimiter=separator, lineterminator=end)
    writer.writerow(["image_id", "a", "b"])
    for row in rows:
        piece.write(end * blank)
        writer.writerow(row)
    text = (f"sep={separator}{end}" if stated else "") + piece.getvalue()
    if damage:
        head = text.index("b" + end) + len("b" + end)
        place = head + int(damage[0] * (len(text) - head))
        text = text[:place] + (text[place + 1 :] if damage[1] == "delete" else damage[1] + text[place:])
    try:
        found = read(at, text.encode(encoding))
    except SitterError:
        assert damage
        return
    try:
        strict = list(open_table(at.root / FILE, ["image_id"]).rows())
    except SitterError:  # Arrow overlooks text behind a closing quote; no row is lost by that
        assert damage
        assert len(found) >= len(rows)
        return
    assert [row["image_id"] for row in found] == [row["image_id"] for _, row in strict]
    assert [line_of(at.root / FILE, ["image_id"], n) for n in range(len(found))] == [line for line, _ in strict]
    if not damage:
        assert [(row["image_id"], row["a"], row["b"]) for row in found] == [(i, float(a), b) for i, a, b in rows]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("image_id,a,a\nx,1,2\n", ["line 1", "'a'"]),
        ("image_id,a\nx,1\n\ny\n", ["line 4", "1 cells"]),
        ("image_id,a\nx,1\ny,2,3\n", ["line 3", "more cells"]),
        ('image_id,a\nx,1\n"y,2\nz,3\n', ["line 3", "never closed"]),
        ('image_id,a,b\nx,1,2\n"y,2,3\nz",3,4\n', ["line 3", "looks like a row"]),
        ("image_id,a\nJosé,1\n".encode("latin-1"), ["line 2", "not UTF-8"]),
        ("id,a\nx,1\n", ["column image_id is missing", "id, a"]),
    ],
)
def test_what_is_not_certain_is_refused_with_its_line(at: Layout, content: str | bytes, words: list[str]) -> None:
    with pytest.raises(SitterError) as caught:
        read(at, content)
    for word in (str(FILE), *words):
        assert word in str(caught.value)


def test_names_stay_text_and_a_header_alone_has_no_rows(at: Layout) -> None:
    assert read(at, "image_id,a\n007,1\n") == [{"image_id": "007", "a": 1}]
    assert read(at, "image_id,a\n") == []
