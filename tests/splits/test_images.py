"""A split by images depends on the seed, is near its shares, and moves no image when others are added or removed."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.params.split import ByImage
from pipeline.splits.by_images import seat, seats_of_each_sitter
from pipeline.store.accounts import AccountedImage
from tests.test_split import aligned, people, run
from tests.training.study import make_faces, train_and_val

IMAGES: dict[str, Any] = {"kind": "images", "val": 0.2}


def subsets(rows: list[dict[str, str]]) -> dict[str, str]:
    return {row["image_id"]: row["subset"] for row in rows}


def test_eighty_of_a_hundred_images_train_and_every_sitter_does(tmp_path: Path) -> None:
    aligned(tmp_path, "set", people(40, 50))
    rows = run(tmp_path, **IMAGES)
    count = Counter(row["subset"] for row in rows)
    assert set(count) == {"train", "val"}
    assert abs(count["val"] - 400) < 4 * (2000 * 0.2 * 0.8) ** 0.5, "within four deviations of the binomial"
    by_sitter: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        by_sitter[row["sitter"]][row["subset"]] += 1
    assert all(0 < c["val"] < c["train"] for c in by_sitter.values())
    assert Counter(row["fold"] for row in rows).most_common()[-1][1] > 100, "ten folds of about 200"


def test_no_image_moves_because_others_come_or_go_or_rows_are_reordered(tmp_path: Path) -> None:
    aligned(tmp_path, "set", people(10, 5))
    before = subsets(run(tmp_path, **IMAGES))
    more = people(12, 9)
    aligned(tmp_path, "set", more[::-1])
    after = subsets(run(tmp_path, **IMAGES))
    assert after | before == after
    assert subsets(run(tmp_path, seed=2, **IMAGES)) != after


@given(st.text(max_size=20), st.floats(0, 0.5), st.floats(0, 0.5), st.integers(0, 9))
@settings(max_examples=50, deadline=None)
def test_a_subset_with_a_larger_share_keeps_its_images(image_id: str, share: float, more: float, seed: int) -> None:
    smaller, larger = (ByImage(kind="images", val=x, test=0.0) for x in (share, share + more))
    if seat(image_id, smaller, seed).subset == "val":
        assert seat(image_id, larger, seed).subset == "val"


@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.floats(0, 0.5), st.floats(0, 0.5), st.integers(0, 9))
@settings(max_examples=100, deadline=None)
def test_shares_of_each_sitter_are_rounded_down_and_leave_one_to_train(
    images: list[int], val: float, test: float, seed: int
) -> None:
    entry = ByImage(kind="images", val=val, test=test, of_each_sitter=True)
    faces = [AccountedImage(f"{s}/{n}", f"s{s}", "aligned") for s, number in enumerate(images) for n in range(number)]
    chosen = seats_of_each_sitter(faces, entry, seed)
    assert chosen == seats_of_each_sitter(faces[::-1], entry, seed)
    for sitter, number in enumerate(images):
        count = Counter(chosen.get(f"{sitter}/{n}", "train") for n in range(number))
        validating = min(max(1, int(val * number + 1e-9)), number - 1) if val else 0
        tested = min(max(1, int(test * number + 1e-9)), number - validating - 1) if test else 0
        assert (count["val"], count["test"]) == (validating, tested)
        assert count["train"] >= 1


def test_a_fifth_of_each_sitters_images_validates(tmp_path: Path) -> None:
    aligned(tmp_path, "set", people(8, 10))
    rows = run(tmp_path, **IMAGES, of_each_sitter=True)
    by_sitter: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        by_sitter[row["sitter"]][row["subset"]] += 1
    assert list(by_sitter.values()) == [Counter(train=8, val=2)] * 8


def test_renderings_stand_where_their_photographs_do_by_either_kind(tmp_path: Path) -> None:
    photos = people(6, 20)
    painted = [{"image_id": f"{p['image_id']}-oil", "sitter": p["sitter"], "origin": p["image_id"]} for p in photos]
    aligned(tmp_path, "photos", photos)
    aligned(tmp_path, "set", painted)
    entry: dict[str, Any] = {"kind": "images", "val": 0.3, "test": 0.3, "near_duplicates": False}
    original = subsets(run(tmp_path, "photos", other={"set": entry}, **entry))
    for kind in (entry, {"kind": "like", "dataset": "photos", "near_duplicates": False}):
        rows = run(tmp_path, "set", other={"photos": entry}, **kind)
        assert all(row["subset"] == original[row["origin"]] for row in rows)
        assert len({row["subset"] for row in rows}) == 3


def test_a_share_that_no_image_falls_to_is_told(tmp_path: Path) -> None:
    aligned(tmp_path, "set", people(1, 2))
    with pytest.raises(SitterError, match=r"split\.set: 2 images are too few: the share of test, 0\.01, comes to none"):
        run(tmp_path, kind="images", test=0.01)


def test_shares_beyond_all_are_told(tmp_path: Path) -> None:
    with pytest.raises(SitterError, match=r"split\.set: test 0\.9 and val 0\.2 are more than 1"):
        run(tmp_path, kind="images", test=0.9, val=0.2)


def test_sitters_may_both_train_and_validate_if_split_by_image(at: Layout) -> None:
    make_faces(at, "tiny", sitters=4, images=30)
    splits = {"tiny": ByImage(kind="images", val=0.2, near_duplicates=False)}
    from pipeline.core.files import read_csv, write_csv

    table = at.split("tiny") / "split.csv"
    rows = read_csv(table)
    for row in rows:
        row["subset"], fold = seat(row["image_id"], splits["tiny"], 1)
        row["fold"] = str(fold)
    write_csv(table, rows, list(rows[0]))
    train, val = train_and_val(at, splits)
    assert (train.sitters, val.sitters, len(train) + len(val)) == (4, 4, 120)
    with pytest.raises(SitterError, match="both trains and validates"):
        train_and_val(at)
