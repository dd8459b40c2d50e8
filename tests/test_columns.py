"""A user's column never takes the place of one of Sitter's, and none is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.core.files import read_csv, write_csv
from pipeline.core.layout import Layout
from pipeline.stages import align
from pipeline.store.accounts import BOX, AccountedImage
from pipeline.store.columns import FOUND, GIVEN, RENDERED, RESERVED, kept_as
from tests.faces_of_noise import face
from tests.sources import stages

NAME = st.sampled_from([*sorted(RESERVED), *(f"their_{name}" for name in sorted(RESERVED)), "artist", "title"])


@given(st.lists(NAME, unique=True))
def test_every_column_is_kept_under_a_name_of_its_own(columns: list[str]) -> None:
    kept = kept_as(columns)
    assert list(kept) == columns
    assert len(set(kept.values())) == len(columns)
    assert not set(kept.values()) & RESERVED
    assert all(kept[name] == name for name in columns if name not in RESERVED)


def test_what_split_reads_from_faces_csv_is_reserved_or_the_users_own() -> None:
    users, derived = {"artist"}, {"file", "box"}
    read = {*AccountedImage._fields} - derived | {"sha256", *BOX}
    assert read - users <= RESERVED | {*GIVEN}
    assert {*align.FOUND, *RENDERED} <= RESERVED


def test_a_list_with_columns_of_all_our_names_gives_the_same_faces_and_split(
    at: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"path": f"{s}-{i}.png", "sitter": f"s{s}"} for s in range(6) for i in range(3)]
    for n, row in enumerate(rows):
        Image.fromarray(face(n)).save(at.root / row["path"])
    found = []
    for further in ([], sorted(RESERVED)):
        listed = [row | {name: str(n % 2) for name in further} for n, row in enumerate(rows)]
        write_csv(at.root / "list.csv", listed, list(listed[0]))
        stages.store(at, {"kind": "sitters", "test": 0.5, "artists": "ignore"}, kind="manifest", path="list.csv")
        faces = read_csv(at.faces("set") / "faces.csv")
        if further:
            assert all({row[f"their_{name}"] for row in faces} == {"0", "1"} for name in RESERVED)
        ours = (*GIVEN, *FOUND)
        found.append(([[row[name] for name in ours] for row in faces], read_csv(at.split("set") / "split.csv")))
    assert found[0] == found[1]
