"""params.yaml is read as it is meant, or refused with file and line."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.errors import SitterError
from pipeline.params import read
from pipeline.params.reading import as_written, read_yaml

WORDS = st.text("abcdefghij-_", min_size=1, max_size=6).filter(lambda w: w.strip("-") == w)
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("abc é:#-", max_size=8)
TREES = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3), max_leaves=12
)


def refused(path: Path, content: bytes | str) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(SitterError) as caught:
        read_yaml(path)
    assert str(caught.value).startswith(str(path))
    return str(caught.value)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("params") / "params.yaml"


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(WORDS, TREES, min_size=1, max_size=4))
def test_what_yaml_writes_is_read_back_the_same(file: Path, content: dict[str, object]) -> None:
    for flow in (True, False):
        text = yaml.safe_dump(content, allow_unicode=True, default_flow_style=flow)
        file.write_text(text, encoding="utf-8")
        assert read_yaml(file) == yaml.safe_load(text)


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=4, unique=True), st.data(), st.booleans())
def test_a_key_that_stands_twice_is_named_at_any_depth(
    file: Path, keys: list[str], data: st.DataObject, quoted: bool
) -> None:
    twice = data.draw(st.sampled_from(keys))
    depth = data.draw(st.integers(0, 3))
    again = f"'{twice}'" if quoted else twice
    above = [f"{'  ' * n}level{n}:" for n in range(depth)]
    fields = [f"{'  ' * depth}{key}: text" for key in (*keys, again)]
    message = refused(file, "\n".join([*above, *fields]))
    first = depth + keys.index(twice) + 1
    assert f"line {depth + len(keys) + 1}: key {twice!r} stands in line {first} already" in message


def test_keys_under_anchors_and_in_overlays_are_checked_and_merged_sections_stay_legal(file: Path) -> None:
    assert "'b'" in refused(file, "a: &x {b: 1, b: 2}\nc: {<<: *x}\n")
    assert refused(file, "a: 1\na: 2\nb: {c: 1, c: 2}\n").count("stands in line") == 2
    assert "'<<'" in refused(file, "a: &x {b: 1}\nc: &y {d: 1}\ne:\n  <<: *x\n  <<: *y\n")
    file.write_text("a: &x {b: 1, c: 2}\nd: {<<: *x, b: 3}\ne: {<<: [*x, *x]}\nf: *x\n")
    assert read_yaml(file) == {
        "a": {"b": 1, "c": 2},
        "d": {"b": 3, "c": 2},
        "e": {"b": 1, "c": 2},
        "f": {"b": 1, "c": 2},
    }
    overlay = file.with_name("overlay.yaml")
    overlay.write_text("d: {b: 1}\nd: {b: 2}\n")
    with pytest.raises(SitterError, match=r"overlay\.yaml, line 2: key 'd'"):
        read(file, overlay)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_wide_encodings_are_named(file: Path, encoding: str) -> None:
    message = refused(file, "seed: 1\nreport: {title: Élisabeth}\n".encode(encoding))
    assert encoding[:6].upper() in message
    assert "save it as UTF-8" in message


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 5), st.sampled_from("éèäöüßñçÉ€œ"))
def test_a_byte_that_is_not_utf_8_is_found_in_its_line(file: Path, before: int, letter: str) -> None:
    text = b"".join(b"key%d: x\n" % n for n in range(before))
    message = refused(file, text + f"title: {letter}x\nlast: 1\n".encode("cp1252"))
    assert f"line {before + 1}: byte 0x" in message
    assert f"title: {letter}x" in message
    assert "UTF-8" in message


def test_utf_8_with_a_byte_order_mark_and_windows_line_ends_is_read(file: Path) -> None:
    file.write_bytes("seed: 1\r\ntitle: É\r\n".encode("utf-8-sig"))
    assert read_yaml(file) == {"seed": 1, "title": "É"}
    assert "line 2: byte 0xc9 at place 8" in refused(file, b"\xef\xbb\xbfseed: 1\ntitle: \xc9\n")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ["is empty"]),
        ("# nothing but a comment\n", ["is empty"]),
        ("- a\n", ["line 1", "a list", "expected: the sections"]),
        ("hello\n", ["line 1", "'hello'", "expected: the sections"]),
        ("seed: 1\nmodels:\n\ta: 1\n", ["line 3", "a tab"]),
        ("seed: 1\n---\nseed: 2\n", ["line 2", "a second document"]),
        ("a: b: c\n", ["line 1", "a colon"]),
        ("a: 1\nb: 'c\nd: 1\n", ["line 2", "quotation mark"]),
        ("a: 1\nb: [c\n", ["line 2", "a bracket"]),
        ("a: *x\n", ["line 1", "after *"]),
        ("a: !!python/object:os.system x\n", ["line 1", "begins with !"]),
        ("a: =\n", ["line 1", "in quotes"]),
        ("a: &x\n  b: *x\n", ["line 1", "holds itself"]),
        ("a: 1\nb: \x01\n", ["cannot be seen"]),
        ("a: 1\non: 2\n", ["line 2", "key on as true or false", '"on"']),
        ("a: {1: 2}\n", ["line 1", "key 1 as a number", '"1"']),
        ("a: {1.10: 2}\n", ["key 1.10 as a number", '"1.10"']),
        ("~: 2\n", ["key ~ as nothing"]),
        ("? [a, b]\n: 1\n", ["line 1", "a key is a list"]),
        ("a: 1\nb: 010\n", ["line 2", '"010"', "base 8"]),
        ("a: 12:30:00\n", ["line 1", '"12:30:00"', "base 60"]),
        ("a: [1:30.5]\n", ["line 1", '"1:30.5"', "base 60"]),
        ("a: 1\nb: 2024-13-45\n", ["line 2", "a date", '"2024-13-45"']),
    ],
)
def test_what_cannot_be_meant_is_refused_in_plain_words(file: Path, content: str, words: list[str]) -> None:
    message = refused(file, content)
    for word in words:
        assert word in message, message


@pytest.mark.parametrize("value", ['"010"', "'12:30'", "0", "10", "0.10", "1_000", "0x1f", "-5", "2024-12-31", "09a"])
def test_numbers_that_mean_one_thing_and_quoted_ones_are_read(file: Path, value: str) -> None:
    file.write_text(f"a: {value}\n")
    assert read_yaml(file) == yaml.safe_load(io.StringIO(f"a: {value}\n"))


def test_a_value_is_found_as_it_is_written_in_the_last_file_that_has_it(tmp_path: Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text("x: &x {v: 1.10}\nmodels:\n  a: {<<: *x, list: [1, 2.50]}\n")
    two.write_text("models:\n  a:\n    other: 1\n")
    assert as_written([one, two], ["models", "a", "v"]) == (str(one), 1, "1.10")
    assert as_written([one, two], ["models", "a", "list", "1"]) == (str(one), 3, "2.50")
    assert as_written([one, two], ["models", "a", "other"]) == (str(two), 3, "1")
    assert as_written([one, two], ["models", "b"]) is None
