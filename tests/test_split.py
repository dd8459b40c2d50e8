"""Sitters are dealt by the seed alone, and nothing of a sitter or of a picture stands on two sides of a border."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.core.errors import SitterError
from pipeline.core.files import read_csv, write_csv
from pipeline.core.layout import Layout
from pipeline.params import Study, check
from pipeline.stages import split
from pipeline.store.faces import StoredFace, encode, write_faces
from pipeline.store.splits import split_file
from tests.demo import data_only
from tests.faces_of_noise import face

PROJECT = Path(__file__).parents[1]


def study(seed: int = 1, **entries: dict[str, Any]) -> Study:
    """A study that only splits."""
    raw = data_only() | {"seed": seed, "split": entries, "render": {}}
    source = next(e for e in raw["download"].values() if e["contents"] == "images")
    aligning = next(iter(raw["align"].values()))
    raw["download"] |= dict.fromkeys(entries, source)
    raw["align"] = dict.fromkeys(entries, aligning)
    return check(raw)


def aligned(root: Path, dataset: str, rows: Sequence[dict[str, str]], crops: Sequence[Any] | None = None) -> None:
    """What the stage align leaves: faces.csv, and the shards where crops are given."""
    folder = Layout(root).faces(dataset)
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"status": "aligned", **row} for row in rows]
    write_csv(folder / "faces.csv", rows, list(dict.fromkeys(k for r in rows for k in r)))
    if crops is not None:
        landmarks = np.zeros((5, 2), np.float32)
        found = [(r, c) for r, c in zip(rows, crops, strict=True) if r["status"] == "aligned"]
        write_faces(folder, (StoredFace(r["image_id"], r["sitter"], encode(c), landmarks, "d", 1.0) for r, c in found))


def people(count: int, images: int = 3, name: str = "sitter {}") -> list[dict[str, str]]:
    return [{"image_id": f"{s}/{i}", "sitter": name.format(s)} for s in range(count) for i in range(images)]


def run(
    root: Path, name: str = "set", seed: int = 1, other: dict[str, Any] | None = None, **entry: Any
) -> list[dict[str, str]]:
    entry = {"kind": "sitters", "near_duplicates": False, **entry}
    split.run(study(seed, **{name: entry, **(other or {})}), name, root)
    with open(Layout(root).split(name) / "split.csv", newline="") as file:
        return list(csv.DictReader(file))


def sides(rows: Iterable[dict[str, str]]) -> dict[str, str]:
    """The subset of each sitter; fails where there are two."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row["subset"] != "unused":
            found[row["sitter"]].add(row["subset"])
    assert all(len(s) == 1 for s in found.values())
    return {sitter: s.pop() for sitter, s in found.items()}


def test_each_sitter_stands_in_one_subset_and_one_fold_and_the_shares_are_exact(tmp_path: Path) -> None:
    aligned(tmp_path, "set", people(40, 10))
    rows = run(tmp_path, test=0.5, val=0.1)
    assert list(rows[0]) == ["image_id", "sitter", "subset", "fold", "origin", "picture"]
    assert [r["image_id"] for r in rows] == [r["image_id"] for r in people(40, 10)]
    assert Counter(sides(rows).values()) == {"test": 20, "train": 16, "val": 4}
    folds = {r["sitter"]: r["fold"] for r in rows}
    assert all(folds[r["sitter"]] == r["fold"] for r in rows)
    in_test = Counter(folds[s] for s, side in sides(rows).items() if side == "test")
    assert in_test == {str(k): 2 for k in range(10)}


@pytest.mark.parametrize(("count", "test", "val"), [(7, 0.33, 0.33), (82, 0.5, 0.1), (11, 0.45, 0.55), (9, 1.0, 0.0)])
def test_shares_are_rounded_and_nobody_is_lost(count: int, test: float, val: float, tmp_path: Path) -> None:
    aligned(tmp_path, "set", people(count))
    found = Counter(sides(run(tmp_path, test=test, val=val)).values())
    assert found.total() == count
    assert abs(found["test"] - test * count) <= 0.5
    assert abs(found["val"] - val * count) <= 1


def test_the_deal_depends_on_the_seed_and_the_names_alone(tmp_path: Path) -> None:
    aligned(tmp_path, "set", people(40))
    first = sides(run(tmp_path, test=0.5, val=0.1))
    aligned(tmp_path, "set", people(40, 5)[::-1])
    assert sides(run(tmp_path, test=0.5, val=0.1)) == first
    assert sides(run(tmp_path, test=0.5, val=0.1, seed=2)) != first
    # and never changes with a release: a study split today is split so in ten years
    assert sorted(int(s[7:]) for s, side in first.items() if side == "val") == [3, 7, 28, 30]


def test_a_new_sitter_moves_only_those_at_a_border(tmp_path: Path) -> None:
    aligned(tmp_path, "set", people(100))
    before = sides(run(tmp_path, test=0.5, val=0.1))
    aligned(tmp_path, "set", people(101))
    after = sides(run(tmp_path, test=0.5, val=0.1))
    assert sum(before[s] != after[s] for s in before) <= 2


def test_only_aligned_images_appear(tmp_path: Path) -> None:
    rows = people(10)
    rows[4]["status"], rows[7]["status"] = "no_face", "unreadable"
    aligned(tmp_path, "set", rows)
    found = {r["image_id"] for r in run(tmp_path, test=0.5)}
    assert found == {r["image_id"] for r in rows} - {rows[4]["image_id"], rows[7]["image_id"]}


def renderings(count: int) -> list[dict[str, str]]:
    return [
        {**row, "image_id": f"{row['image_id']}~{k}", "origin": row["image_id"], "rendering": str(k), "style": "oil"}
        for row in people(count)
        for k in range(3)
    ]


def test_renderings_sit_where_their_sitters_sit_and_only_the_first_is_judged(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    aligned(tmp_path, "set", people(20))
    photographs = sides(run(tmp_path, test=0.5, val=0.1))
    aligned(tmp_path, "painted", renderings(20))
    sitters = {"set": {"kind": "sitters", "test": 0.5, "val": 0.1}}
    rows = run(tmp_path, "painted", other=sitters, kind="like", dataset="set")
    assert sides(rows) == photographs
    for row in rows:
        assert row["origin"] == row["image_id"].partition("~")[0]
        judged = row["image_id"].endswith("~0")
        expected = photographs[row["sitter"]] if judged or photographs[row["sitter"]] == "train" else "unused"
        assert row["subset"] == expected
    folds = [
        {r["sitter"]: r["fold"] for r in read_csv(Layout(tmp_path).split(d) / "split.csv")} for d in ("set", "painted")
    ]
    assert folds[0] == folds[1]
    assert "images unused" in capsys.readouterr().err


def test_sitters_that_the_other_set_does_not_hold_stay_unused_with_a_warning(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    aligned(tmp_path, "set", people(10))
    run(tmp_path, test=0.5)
    aligned(tmp_path, "painted", renderings(12))
    sitters = {"set": {"kind": "sitters", "test": 0.5}}
    rows = run(tmp_path, "painted", other=sitters, kind="like", dataset="set")
    assert {r["subset"] for r in rows if r["sitter"] in ("sitter 10", "sitter 11")} == {"unused"}
    table = split_file("set", Layout(tmp_path))
    assert f"warning: 2 sitters of painted are not in {table}" in capsys.readouterr().err
    aligned(tmp_path, "painted", people(4, name="nobody {}"))
    with pytest.raises(SitterError, match="none of its sitters"):
        run(tmp_path, "painted", other=sitters, kind="like", dataset="set")


def test_a_picture_under_two_names_keeps_both_on_one_side(tmp_path: Path) -> None:
    rows = people(30, 2)
    crops = [face(i) for i in range(len(rows))]
    for a, b in ((0, 20), (2, 40), (40, 55)):  # sitters 0 and 10; 1, 20 and 27 in a chain
        crops[b] = crops[a]
    aligned(tmp_path, "set", rows, crops)
    for seed in range(5):
        where = sides(run(tmp_path, test=0.5, val=0.2, near_duplicates=True, seed=seed))
        assert where["sitter 0"] == where["sitter 10"]
        assert where["sitter 1"] == where["sitter 20"] == where["sitter 27"]
        assert Counter(where.values()) == {"test": 15, "val": 6, "train": 9}
    listed = read_csv(Layout(tmp_path).split("set") / "near-duplicates.csv")
    assert {(r["sitter_a"], r["sitter_b"]) for r in listed} >= {("sitter 0", "sitter 10")}
    assert {r["image_a"] for r in listed} | {r["image_b"] for r in listed} == {"0/0", "10/0", "1/0", "20/0", "27/1"}
    without = [sides(run(tmp_path, test=0.5, val=0.2, seed=seed)) for seed in range(5)]
    assert any(w["sitter 0"] != w["sitter 10"] for w in without)  # it was no accident


def test_a_picture_that_straddles_a_fixed_border_is_left_out_of_training(tmp_path: Path) -> None:
    aligned(tmp_path, "set", people(10))
    where = sides(run(tmp_path, test=0.5))
    names = {side: next(s for s in where if where[s] == side) for side in ("train", "test")}
    rows = people(10)
    crops = [face(i) for i in range(len(rows))]
    place = {side: next(i for i, r in enumerate(rows) if r["sitter"] == names[side]) for side in names}
    crops[place["train"]] = crops[place["test"]]
    aligned(tmp_path, "copies", rows, crops)
    sitters = {"set": {"kind": "sitters", "test": 0.5}}
    found = run(tmp_path, "copies", other=sitters, kind="like", dataset="set", near_duplicates=True)
    unused = [r["image_id"] for r in found if r["subset"] == "unused"]
    assert unused == [rows[place["train"]]["image_id"]]


def test_names_that_differ_by_case_or_spaces_are_warned_of_and_kept_together(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rows = people(20)
    for i, name in enumerate(["Ada Byron", "ada byron", "Ada_Byron ", "Jose\u0301", "José"]):
        rows[3 * i]["sitter"] = rows[3 * i + 1]["sitter"] = rows[3 * i + 2]["sitter"] = name
    aligned(tmp_path, "set", rows)
    for seed in range(4):
        where = sides(run(tmp_path, test=0.5, seed=seed))
        assert where["Ada Byron"] == where["ada byron"] == where["Ada_Byron "]
        assert where["José"] == where["Jose\u0301"]
    assert "'Ada Byron' / 'Ada_Byron ' / 'ada byron'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("count", "shares", "words"),
    [
        (3, {"test": 0.5, "val": 0.1}, "3 sitters are too few"),
        (12, {"test": 0.5, "val": 0.1}, "val, 0.1, comes to 1 of them"),
        (40, {"test": 0.5, "val": 0.49}, "train, 0.01, comes to 0 of them"),
    ],
)
def test_too_few_sitters_for_the_shares_is_said(
    count: int, shares: dict[str, float], words: str, tmp_path: Path
) -> None:
    aligned(tmp_path, "set", people(count))
    with pytest.raises(SitterError, match=words):
        run(tmp_path, **shares)
    assert not Layout(tmp_path).split("set").exists()


def test_shares_of_more_than_everything_are_refused() -> None:
    with pytest.raises(SitterError, match=r"split.set: test 0.7 and val 0.4 are more than 1"):
        study(set={"kind": "sitters", "test": 0.7, "val": 0.4})


def test_sitters_with_one_image_are_warned_of(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    aligned(tmp_path, "set", people(10, 1))
    run(tmp_path, test=0.5)
    said = capsys.readouterr().err
    assert "5 of 5 test sitters have one image: none has a second" in said
    assert "Add images of them where you can: sitter " in said


def test_nothing_aligned_and_a_store_that_lost_a_face_are_explained(tmp_path: Path) -> None:
    aligned(tmp_path, "set", [{**r, "status": "no_face"} for r in people(5)])
    with pytest.raises(SitterError, match="no row with status aligned"):
        run(tmp_path, test=0.5)
    rows = people(5)
    aligned(tmp_path, "set", rows, [face(i) for i in range(15)])
    aligned(tmp_path, "set", [*rows, {"image_id": "lost/1", "sitter": "lost"}])
    with pytest.raises(SitterError, match="lost/1 is aligned, but no shard holds it"):
        run(tmp_path, test=0.5, near_duplicates=True)
