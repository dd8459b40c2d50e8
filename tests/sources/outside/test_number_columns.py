"""Only a family of numbered columns is a vector: row numbers, labels and ids never become part of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from pipeline.core.errors import SitterError
from pipeline.sources.outside.number_columns import counting, family
from pipeline.store.embeddings import read_embeddings
from tests.sources.outside.project import IDS, VECTORS, given, put_csv, run, study

FILE = Path("vectors.csv")
OTHERS = ["", "Unnamed: 0", "index", "level_0", "label", "id", "sitter", "fold1", "path", "2", "score (%)", "v"]
PREFIXES = st.sampled_from(["v", "dim_", "", "embedding.", "x-"])


@drawn(PREFIXES, st.integers(2, 30), st.integers(0, 1), st.lists(st.sampled_from(OTHERS), unique=True), st.randoms())
def test_the_numbered_family_is_the_vector_whatever_stands_between(prefix, count, first, others, random):
    others = [o for o in others if not (prefix == "" and o.isdigit())]
    columns = [f"{prefix}{n}" for n in range(first, first + count)]
    given_ = [*columns, *others]
    random.shuffle(given_)
    assert family(FILE, given_) == columns


@drawn(PREFIXES, st.integers(3, 30), st.data())
def test_a_gap_in_the_numbers_is_refused(prefix, count, data):
    columns = [f"{prefix}{n}" for n in range(count)]
    del columns[data.draw(st.integers(1, count - 2))]
    with pytest.raises(SitterError, match=r"number \d+ is missing"):
        family(FILE, columns)


def test_zeros_in_front_are_read_and_one_number_twice_is_not():
    assert family(FILE, ["d002", "d001", "d010", *(f"d00{n}" for n in range(3, 10))])[-1] == "d010"
    with pytest.raises(SitterError, match="'v1' and 'v01' have the same number"):
        family(FILE, ["v0", "v1", "v01"])


def test_of_several_families_the_option_says_which():
    columns = ["v0", "v1", "v2", "box0", "box1"]
    with pytest.raises(SitterError, match=r"several families .*'v' \(3 columns\), 'box' \(2 columns\).*columns: v"):
        family(FILE, columns)
    assert family(FILE, columns, "box") == ["box0", "box1"]
    with pytest.raises(SitterError, match="no column is named 'w' and a number"):
        family(FILE, columns, "w")


def test_columns_without_numbers_are_refused_and_listed():
    with pytest.raises(SitterError, match=r"found beside the ids: 'a', 'b'\. Name the vector's columns v0, v1"):
        family(FILE, ["a", "b"])


def test_values_that_count_the_rows_are_found_and_others_are_not():
    rows = np.arange(50)
    vectors = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    assert counting(vectors) is None
    for first in (0, 1):
        assert counting(np.insert(vectors, 2, rows + first, axis=1)) == 2
    assert counting(np.insert(vectors, 2, rows[::-1], axis=1)) is None
    assert counting(np.insert(vectors, 2, np.minimum(rows, 48), axis=1)) is None


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("header", "cell"),
    [("", lambda n: n), ("Unnamed: 0", lambda n: n), ("label", lambda n: n // 3), ("sitter", lambda n: f"s{n}")],
)
def test_a_further_column_changes_no_vector_and_is_said(at, header, cell, capsys):
    names = [f"v{n}" for n in range(VECTORS.shape[1])]
    rows = [[cell(n), i, *map(repr, map(float, v))] for n, (i, v) in enumerate(zip(IDS, VECTORS, strict=True))]
    put_csv(at, [header, "image_id", *names], rows)
    run(at, study())
    np.testing.assert_array_equal(read_embeddings("cots", "photos", at).vectors, VECTORS)
    if header:  # programs write a first column without a name, which every reader here leaves out
        assert f"left out: {header!r}" in capsys.readouterr().err


@pytest.mark.usefixtures("project")
def test_an_index_that_is_numbered_as_the_vector_is_refused(at):
    names = [f"{n}" for n in range(VECTORS.shape[1] + 1)]
    put_csv(
        at, ["image_id", *names], [[i, n, *map(float, v)] for n, (i, v) in enumerate(zip(IDS, VECTORS, strict=True))]
    )
    with pytest.raises(SitterError, match="value 0 of the vectors counts the rows"):
        run(at, study())
    assert not at.model("cots").exists()


@pytest.mark.usefixtures("project")
def test_a_column_that_stands_twice_is_refused(at):
    put_csv(at, ["image_id", "v0", "v1", "v1"], [["x", 1, 2, 2]])
    with pytest.raises(SitterError, match="the name 'v1'"):
        run(at, study())
    given(at, "cots.csv").unlink()
    table = pa.table([["x"], ["x"], [1.0], [2.0]], names=["image_id", "image_id", "v0", "v1"])
    with pa.OSFile(str(given(at, "cots.arrow")), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(SitterError, match="'image_id' occurs twice"):
        run(at, study())
