"""The pairs that a data set comes with, and their folds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.errors import SitterError
from pipeline.core.files import read_csv
from pipeline.core.layout import Layout
from pipeline.splits.given_pairs import fold_of
from pipeline.stages import split
from pipeline.store.accounts import account_file
from tests.test_split import aligned, study


@given(st.integers(2, 12), st.integers(0, 60))
@settings(max_examples=100, deadline=None)
def test_folds_are_those_of_scikit_learn(folds: int, more: int) -> None:
    from sklearn.model_selection import KFold

    pairs = folds + more
    expected = np.empty(pairs, int)
    for number, (_, test) in enumerate(KFold(folds, shuffle=False).split(np.zeros(pairs))):
        expected[test] = number
    assert [fold_of(place, pairs, folds) for place in range(pairs)] == expected.tolist()


def test_lfw_has_ten_folds_of_six_hundred() -> None:
    assert [fold_of(place, 6000, 10) for place in (0, 599, 600, 5999)] == [0, 0, 1, 9]


def split_pairs(tmp_path: Path, places: list[str], folds: int = 2, status: str = "aligned") -> list[dict[str, str]]:
    rows = [{"image_id": f"i{n}", "sitter": f"s{n}", "pairs": p, "status": "aligned"} for n, p in enumerate(places)]
    rows[-1]["status"] = status
    aligned(tmp_path, "set", rows)
    entry: dict[str, Any] = {"kind": "pairs", "folds": folds}
    split.run(study(set=entry), "set", tmp_path)
    return read_csv(Layout(tmp_path).split("set") / "pairs.csv")


def test_images_may_stand_in_several_pairs_or_none(tmp_path: Path) -> None:
    rows = split_pairs(tmp_path, ["0a+ 2b-", "1a- 0b+", "1b- 2a-", ""])
    assert [(r["image_a"], r["image_b"], r["genuine"], r["fold"]) for r in rows] == [
        ("i0", "i1", "1", "0"),
        ("i1", "i2", "0", "0"),
        ("i2", "i0", "0", "1"),
    ]
    subsets = {row["image_id"]: row["subset"] for row in read_csv(Layout(tmp_path).split("set") / "split.csv")}
    assert subsets == {"i0": "test", "i1": "test", "i2": "test", "i3": "unused"}


@pytest.mark.parametrize(
    ("places", "message"),
    [
        (["0a+", "0b+", "1a", "1b+"], "line 4: pairs holds '1a'; expected a place like 7a+ or 12b-"),
        (["0a+", "0b+", "1a+", "1a+"], "line 5: image 'i3' is a of pair 1, and so is 'i2'"),
        (["0a+", "0b-", "1a+", "1b+"], "pair 0 is both genuine and impostor"),
        (["0a+", "0b+", "1a+", ""], "pair 1 has no image b"),
        (["0a+", "0b+", "", ""], "split.set.folds is 2, but FACES has only 1 pairs"),
        (["", "", "", ""], "split.set.kind is pairs, but FACES has no column `pairs`"),
    ],
)
def test_pairs_that_are_not_told_in_full_are_named(places: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(
        SitterError, match=re.escape(message.replace("FACES", str(account_file("set", Layout(tmp_path)))))
    ):
        split_pairs(tmp_path, places)


def test_without_any_whole_pair_nothing_is_split(tmp_path: Path) -> None:
    with pytest.raises(SitterError, match=r"split\.set: none of its 2 pairs has a face in both images"):
        split_pairs(tmp_path, ["0a+ 1a+", "0b+ 1b+"][::-1], status="no_face")
