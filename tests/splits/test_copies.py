"""One picture counts once: copies under one sitter's name, under two names, and placeholders under many."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.core.files import read_csv
from pipeline.core.layout import Layout
from pipeline.core.pixels import RGBImage
from pipeline.splits.copies import PLACEHOLDER, find_copies
from pipeline.splits.seats import Seat, seated
from pipeline.store.accounts import read_images
from pipeline.store.splits import copies_file
from tests.faces_of_noise import face
from tests.test_split import aligned, people, run

SHA = "{:064x}".format
BOXED = ("x0", "y0", "x1", "y1")


def jpeg(image: RGBImage, quality: int = 80) -> RGBImage:
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def same_files(root: Path) -> list[tuple[str, str]]:
    """Run a split, and return the pairs of images that it found to be the same file."""
    run(root, kind="images", val=0.0)
    return [(row["image_a"], row["image_b"]) for row in near_duplicates(root)]


def used(rows: list[dict[str, str]]) -> set[str]:
    return {row["image_id"] for row in rows if row["subset"] != "unused"}


def near_duplicates(root: Path) -> list[dict[str, str]]:
    return read_csv(copies_file("set", Layout(root)))


@pytest.mark.parametrize("near", [True, False])
def test_the_same_file_twice_under_one_sitter_counts_once(
    near: bool, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rows = [{**row, "sha256": SHA(n)} for n, row in enumerate(people(12, 2))]
    copies = [{**row, "image_id": row["image_id"] + " (1)"} for row in rows[:5]]
    aligned(tmp_path, "set", rows + copies, [face(n) for n in (*range(24), *range(5))])
    found = run(tmp_path, test=1.0, near_duplicates=near)
    assert used(found) == {row["image_id"] for row in rows}
    listed = near_duplicates(tmp_path)
    again = {row["image_id"]: f"{row['image_id']} (1)" for row in rows[:5]}
    assert {row["image_a"]: row["image_b"] for row in listed} == again
    assert {(row["sitters"], row["found_by"], row["similarity"]) for row in listed} == {("same", "same file", "1.0000")}
    assert "5 images are copies" in capsys.readouterr().err
    pictures = {row["image_id"]: row["picture"] for row in found if row["picture"]}
    assert pictures == {image_id: first for first, copy in again.items() for image_id in (first, copy)}


def test_all_re_encoded_copies_under_one_sitter_are_found(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rows = people(10, 3)
    crops = [face(n) for n in range(30)]
    for n in range(7):  # seven copies of one picture; a single search for nearest ones would leave two or three groups
        rows.append({"image_id": f"0/copy {n}", "sitter": "sitter 0"})
        crops.append(jpeg(cv2.convertScaleAbs(crops[0], alpha=1 - 0.03 * n, beta=2 * n), 95 - 5 * n))
    aligned(tmp_path, "set", rows, crops)
    own = {row["image_id"] for row in rows if row["sitter"] == "sitter 0"}
    assert len(used(run(tmp_path, test=1.0, near_duplicates=True)) & own) == 3
    assert "7 images are copies of another image of the same sitter" in capsys.readouterr().err
    assert {row["found_by"] for row in near_duplicates(tmp_path)} == {"likeness"}


def test_the_largest_copy_is_kept_then_the_surest_then_the_first(tmp_path: Path) -> None:
    sizes = {"a": (200, 0.9), "b": (300, 0.8), "c": (300, 0.9), "d": (300, 0.9)}
    rows = [
        {"image_id": i, "sitter": "s", "sha256": SHA(1), "width": str(w), "height": "100", "score": str(score)}
        for i, (w, score) in sizes.items()
    ]
    aligned(tmp_path, "set", [*rows[::-1], {"image_id": "e", "sitter": "t", "sha256": SHA(2)}])
    assert used(run(tmp_path, test=1.0)) == {"c", "e"}


def test_an_account_names_a_file_only_where_several_images_have_it(tmp_path: Path) -> None:
    box = dict(zip(BOXED, ("1", "2", "3", "4"), strict=True))
    shas = {"a": SHA(7), "b": SHA(8), "c": SHA(7), "d": "", "e": "", "f": "7", "g": "7"}
    aligned(tmp_path, "set", [{"image_id": i, "sitter": "s", "sha256": sha, **box} for i, sha in shas.items()])
    account = read_images("set", Layout(tmp_path))
    assert {image.image_id: image.file for image in account.images if image.file} == {"a": SHA(7), "c": SHA(7)}
    assert {image.box for image in account.images} == {(), ("1", "2", "3", "4")}
    assert "artist" not in account.columns


def test_one_file_with_two_faces_is_no_copy(tmp_path: Path) -> None:
    left, right = (dict(zip(BOXED, box, strict=True)) for box in (("10", "10", "50", "60"), ("70", "12", "110", "62")))
    rows = [
        {"image_id": "1", "sitter": "a", "sha256": SHA(1), **left},
        {"image_id": "2", "sitter": "b", "sha256": SHA(1), **right},
        {"image_id": "3", "sitter": "b", "sha256": SHA(1), **{**right, "x0": "71.5"}},
    ]
    aligned(tmp_path, "set", rows)
    assert same_files(tmp_path) == [("2", "3")]


def test_images_of_nobody_without_a_face_or_rendered_are_no_copies(tmp_path: Path) -> None:
    rows = [
        {"image_id": "1", "sitter": "a", "sha256": SHA(1)},
        {"image_id": "2", "sitter": "", "sha256": SHA(1)},
        {"image_id": "3", "sitter": "a", "sha256": SHA(1), "status": "no_face"},
        {"image_id": "4", "sitter": "a", "sha256": SHA(1), "origin": "1"},
        {"image_id": "5", "sitter": "a", "sha256": ""},
        {"image_id": "6", "sitter": "a", "sha256": ""},
    ]
    aligned(tmp_path, "set", [{"origin": "", "status": "aligned", **row} for row in rows])
    assert same_files(tmp_path) == []


def test_a_placeholder_under_many_sitters_is_unused_and_ties_nobody(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rows = people(20, 2)
    crops = [face(n) for n in range(40)]
    for n in range(0, 20, 2):
        rows.append({"image_id": f"{n}/missing", "sitter": f"sitter {n}"})
        crops.append(jpeg(face(99), 95 - 3 * n))
    aligned(tmp_path, "set", rows, crops)
    found = run(tmp_path, test=0.5, near_duplicates=True)
    assert used(found) == {row["image_id"] for row in rows[:40]}
    subsets = {row["subset"] for row in found if row["image_id"].split("/")[0] in {str(n) for n in range(0, 20, 2)}}
    assert subsets == {"test", "train", "unused"}  # the sitters were not dealt together
    assert "10 images show 1 pictures" in capsys.readouterr().err


def test_a_picture_under_two_sitters_stays_for_testing_and_teaches_nothing(tmp_path: Path) -> None:
    rows = [{**row, "sha256": SHA(n)} for n, row in enumerate(people(12, 3))]
    rows[3]["sha256"] = rows[0]["sha256"]
    aligned(tmp_path, "set", rows)
    both = {rows[0]["image_id"], rows[3]["image_id"]}
    for test, val, expected in ((1.0, 0.0, both), (0.0, 0.0, set()), (0.0, 1.0, set())):
        assert used(run(tmp_path, test=test, val=val)) & both == expected


@pytest.mark.parametrize("kind", ["sitters", "images"])
def test_copies_are_nowhere_on_two_sides(kind: str, tmp_path: Path) -> None:
    rows = people(30, 4)
    files = [{**row, "sha256": SHA(n)} for n, row in enumerate(rows)]
    for n in range(0, 60, 12):  # sitters 0 and 1, 3 and 4, …
        files[n + 4]["sha256"] = files[n + 2]["sha256"]
    for n in range(0, 120, 4):
        files[n + 1]["sha256"] = files[n]["sha256"]
    aligned(tmp_path, "set", files)
    sha = {row["image_id"]: row["sha256"] for row in files}
    found = run(tmp_path, kind=kind, test=0.4, val=0.2)
    sides: dict[str, set[str]] = defaultdict(set)
    for row in found:
        if row["subset"] != "unused":
            sides[sha[row["image_id"]]].add(row["subset"])
    assert all(len(side) == 1 for side in sides.values())
    twice = Counter((sha[r["image_id"]], r["sitter"]) for r in found if r["subset"] != "unused")
    assert set(twice.values()) == {1}


def test_rows_of_listed_pairs_stay_and_pairs_of_one_picture_are_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rows: list[dict[str, str]] = []
    number = count()
    for pair in range(6):
        for side in "ab":
            sitter = pair if pair % 2 else f"{pair}{side}"
            sign = "+" if pair % 2 else "-"
            sha = SHA(pair) if pair in (1, 2) else SHA(100 + next(number))
            rows.append(
                {"image_id": f"{pair}{side}", "sitter": f"s{sitter}", "pairs": f"{pair}{side}{sign}", "sha256": sha}
            )
    aligned(tmp_path, "set", rows)
    found = run_pairs(tmp_path)
    assert {row["subset"] for row in found} == {"test"}
    said = capsys.readouterr().err
    assert "1 genuine and 1 impostor pairs of 6" in said
    assert "1a and 1b" in said
    assert "unused" not in said


def run_pairs(tmp_path: Path) -> list[dict[str, str]]:
    from pipeline.stages import split
    from tests.test_split import study

    split.run(study(set={"kind": "pairs", "folds": 2}), "set", tmp_path)
    return read_csv(Layout(tmp_path).split("set") / "split.csv")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_is_copied_no_picture_counts_twice_and_no_sitter_loses_another(
    tmp_path: Path, data: st.DataObject
) -> None:
    images = data.draw(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 6)), min_size=1, max_size=40))
    rows: list[dict[str, Any]] = [
        {"image_id": str(n), "sitter": f"s{sitter}", "sha256": SHA(picture), "status": "aligned"}
        for n, (sitter, picture) in enumerate(images)
    ]
    at = Layout(tmp_path)
    aligned(tmp_path, "set", rows)
    seats = [Seat(data.draw(st.sampled_from(["train", "val", "test", "unused"])), 0) for _ in rows]
    before = {row["image_id"] for row, seat in zip(rows, seats, strict=True) if seat.subset != "unused"}
    names: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        names[row["sha256"]].add(row["sitter"])
    accounted = read_images("set", at).images
    copies = find_copies(accounted)
    for row, placed in zip(rows, seated(accounted, seats, copies), strict=True):
        row["subset"] = placed.subset
    kept: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        if row["subset"] != "unused":
            kept[row["sha256"]].append(row)
            assert row["image_id"] in before
    for sha, own in kept.items():
        assert len({row["subset"] for row in own}) == 1
        assert len({row["sitter"] for row in own}) == len(own)
        assert own[0]["subset"] == "test" or len(own) == 1
        assert len(names[sha]) < PLACEHOLDER
    for row in rows:  # the only image of a picture stays as it was
        if Counter(r["sha256"] for r in rows)[row["sha256"]] == 1:
            assert (row["subset"] != "unused") == (row["image_id"] in before)
    tied = [sorted(own) for own in names.values() if 1 < len(own) < PLACEHOLDER]
    assert {tuple(sorted(pair)) for pair in copies.ties} == {pair for own in tied for pair in pairwise(own)}
